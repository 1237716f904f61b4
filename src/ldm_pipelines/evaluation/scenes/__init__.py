"""Scenes read by a program, and whether they show what was asked for."""
