"""Parameters of the sources, one module per kind; the code that reads them is the module of that name in `sources`."""
