"""One file per family of field formats; each reader takes paths and gives documents by row number."""
