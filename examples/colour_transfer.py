"""The colours of one photograph for another; both pictures come with matplotlib."""

import tempfile
from pathlib import Path

import kantor
import numpy as np
from matplotlib import cbook
from matplotlib.figure import Figure
from matplotlib.image import imread


def photograph(name: str) -> np.ndarray:
    """Height by width by 3 colours between 0 and 1."""
    with cbook.get_sample_data(name) as file:
        image = np.asarray(imread(file, format=name[-3:]), dtype=float)[..., :3]
    return image / max(1.0, image.max())


rng = np.random.default_rng(0)
portrait, flower = photograph("grace_hopper.jpg")[::2, ::2], photograph("Minduka_Present_Blue_Pack.png")
colours = {name: image.reshape(-1, 3) for name, image in (("portrait", portrait), ("flower", flower))}
# some hundred colours of each tell enough
x, y = (sample[rng.choice(len(sample), 500, replace=False)] for sample in colours.values())

answer = kantor.Client().solve(kantor.Transport(x, y), regularization=5e-2, relative=True)
print(answer)
assert answer.certificate.verified

# the map goes for all colours, not only for those of the sample
mapped = answer.barycentric_map(colours["portrait"]).reshape(portrait.shape)
assert mapped.min() >= y.min() - 1e-9
assert mapped.max() <= y.max() + 1e-9

figure = Figure(figsize=(9, 4), layout="constrained")
pictures = {"portrait": portrait, "with the colours of": mapped, "the other picture": flower}
for axes, (title, image) in zip(figure.subplots(1, 3), pictures.items(), strict=True):
    axes.imshow(image.clip(0.0, 1.0))
    axes.set_title(title)
    axes.set_axis_off()
path = Path(tempfile.mkdtemp()) / "colour_transfer.png"
figure.savefig(path, dpi=120)
print(f"drawn to {path}")
