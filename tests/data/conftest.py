from support.raw_images import dataset, photo, tree

__all__ = ["dataset", "photo", "tree"]
