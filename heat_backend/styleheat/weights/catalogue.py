# SPDX-License-Identifier: GPL-3.0-or-later
"""The published files: address, place in the weights folder, use, licence."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.errors import UsageError

RELEASE = "https://github.com/FeiiYin/StyleHEAT/releases/download/styleheat/"

ENGINE = "engine"
"""Nothing works without it."""
EXTRA = "extra"
"""An edit or an option needs it."""
TRAINING = "training"
"""Only training needs it."""


@dataclass(frozen=True)
class Licence:
    """Terms of one or more files.

    Attributes
    ----------
    name : str
        What a user gives to accept it.
    title, summary, address : str
        Its name, what it means in a sentence, and where its text stands.
    by_name : bool
        Accepting "all" does not accept it: it binds the one who fetches.
    """

    name: str
    title: str
    summary: str
    address: str
    by_name: bool = False


@dataclass(frozen=True)
class WeightFile:
    """One file that is fetched.

    Attributes
    ----------
    name : str
        How it is called in commands.
    place : str
        Path in the weights folder; of an archive, the folder that it is unpacked into.
    address : str
        Where it comes from.
    what : str
        In a few words.
    use : str
        ``ENGINE``, ``EXTRA`` or ``TRAINING``.
    licence : str
        Name of its :class:`Licence`.
    members : tuple of tuples of str
        Of an archive: sets of files, any one of which is enough to make it whole; empty for a
        plain file.
    digest_start : str
        What its SHA-256 begins with, where its publisher says so.
    """

    name: str
    place: str
    address: str
    what: str
    use: str
    licence: str
    members: tuple[tuple[str, ...], ...] = ()
    digest_start: str = ""

    @property
    def is_archive(self) -> bool:
        """Whether it is unpacked."""
        return bool(self.members)


LICENCES = (
    Licence(
        "styleheat",
        "MIT License, as the StyleHEAT repository states it",
        "Free use; keep the copyright line. The networks build on HFGI, e4e and Deep3D and learned "
        "from FFHQ, VoxCeleb and BFM, whose own terms may limit what you do with results.",
        "https://github.com/OpenTalker/StyleHEAT/blob/main/LICENSE",
    ),
    Licence(
        "stylegan2",
        "NVIDIA Source Code License-NC (StyleGAN2)",
        "Research and evaluation only: no commercial use of the weights.",
        "https://nvlabs.github.io/stylegan2/license.html",
    ),
    Licence(
        "bfm",
        "Basel Face Model licence (University of Basel)",
        "Non-commercial research only, for those who have agreed to it with the University. "
        "Accept it here only if you have.",
        "https://faces.dmi.unibas.ch/bfm/",
        by_name=True,
    ),
    Licence(
        "vgg19",
        "BSD 3-Clause (torchvision), trained on ImageNet",
        "Free use of the code's weights; ImageNet's terms are for non-commercial research.",
        "https://github.com/pytorch/vision/blob/main/LICENSE",
    ),
)

_BFM_PARTS = (
    "01_MorphableModel.mat",
    "Exp_Pca.bin",
    "std_exp.txt",
    "BFM_front_idx.mat",
    "BFM_exp_idx.mat",
    "facemodel_info.mat",
)
_STANDARD_HEAD = "similarity_Lm3D_all.mat"


def _released(name: str, what: str, use: str, licence: str = "styleheat") -> WeightFile:
    return WeightFile(name, name, RELEASE + name, what, use, licence)


FILES = (
    _released("StyleHEAT_visual.pt", "video warper and calibration network", ENGINE),
    _released("StyleGAN_e4e.pth", "StyleGAN2 generator, 1024 px", ENGINE, "stylegan2"),
    _released("Encoder_e4e.pth", "e4e encoder and its mean latent", ENGINE),
    _released("hfgi.pth", "residual encoder and aligner", ENGINE),
    WeightFile(
        "epoch_20.pth",
        "Deep3D/epoch_20.pth",
        RELEASE + "epoch_20.pth",
        "Deep3D face reconstruction",
        ENGINE,
        "styleheat",
    ),
    WeightFile(
        "BFM",
        "BFM",
        "https://github.com/Winfredy/SadTalker/releases/download/v0.0.1/BFM_Fitting.zip",
        "Basel Face Model: the space of expressions",
        ENGINE,
        "bfm",
        ((_STANDARD_HEAD, "BFM_model_front.mat"), (_STANDARD_HEAD, *_BFM_PARTS)),
    ),
    _released("ffhq_pca.pt", "latent components: beard, lips", EXTRA),
    _released("ffhq_PCA.npz", "latent statistics, for the optimised inversion", EXTRA),
    WeightFile(
        "interfacegan_directions",
        "interfacegan_directions",
        RELEASE + "interfacegan_directions-20230323T133213Z-001.zip",
        "latent directions: age, pose",
        EXTRA,
        "styleheat",
        (("age.pt", "pose.pt"),),
    ),
    WeightFile(
        "vgg19",
        "vgg19-dcbd9e9d.pth",
        "https://download.pytorch.org/models/vgg19-dcbd9e9d.pth",
        "perceptual loss of the optimised inversion",
        EXTRA,
        "vgg19",
        digest_start="dcbd9e9d",
    ),
    _released("stylegan2_d_256.pth", "discriminator", TRAINING, "stylegan2"),
    _released("model_ir_se50.pth", "identity network", TRAINING),
)


def find_file(name: str) -> WeightFile:
    """Return the file of that name or place.

    Raises
    ------
    UsageError
        There is none.
    """
    for file in FILES:
        if name in {file.name, file.place}:
            return file
    raise UsageError(
        f"there is no weight file {name!r}; choose from: {', '.join(f.name for f in FILES)}"
    )


def licence_of(file: WeightFile) -> Licence:
    """Return the terms of a file."""
    return next(licence for licence in LICENCES if licence.name == file.licence)
