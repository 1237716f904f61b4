"""What is said of images beside them: classes, captions, boxes, splits, in the files of each publication."""
