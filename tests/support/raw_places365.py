"""Places365's lists and folders, with three categories."""

from pathlib import Path

from support.raw_pictures import encoded

CATEGORIES = ("/a/airfield", "/b/bus_station/indoor", "/c/canyon")


def make_places365(root: Path, per_category: int = 2, validation: int = 3) -> Path:
    """Training picture n of category c is ``encoded(10 * c + n)``, validation picture n is ``encoded(1000 + n)``."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "categories_places365.txt").write_text("".join(f"{path} {c}\n" for c, path in enumerate(CATEGORIES)))
    lines = []
    for c, category in enumerate(CATEGORIES):
        for n in range(1, per_category + 1):
            lines.append(f"{category}/{n:08d}.jpg {c}\n")
            file = root / f"data_large_standard{category}/{n:08d}.jpg"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(encoded(10 * c + n, "JPEG"))
    (root / "places365_train_standard.txt").write_text("".join(lines))
    (root / "val_large").mkdir()
    lines = []
    for n in range(1, validation + 1):
        lines.append(f"Places365_val_{n:08d}.jpg {n % 3}\n")
        (root / f"val_large/Places365_val_{n:08d}.jpg").write_bytes(encoded(1000 + n, "JPEG"))
    (root / "places365_val.txt").write_text("".join(lines))
    return root
