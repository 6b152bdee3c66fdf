# SPDX-License-Identifier: GPL-3.0-or-later
"""Speech with segment times from Festival, whose voices are pieces of recorded people.

Its diphone and unit-selection voices keep how people's consonants run into their vowels, which
tells m from n and p from k, and which espeak-ng's formants only sketch.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bridge.errors import BadInput, MissingHere
from heat_backend.speech.phonemes import ARPABET, ASPIRATED_CLOSURE, UNASPIRATED_CLOSURE
from tools.speech_training.flite import Segmented
from tools.speech_training.sentences import PLAIN

PACKAGES = (
    *("festival", "festvox-kdlpc16k", "festvox-us-slt-hts", "festvox-italp16k"),
    *("festvox-itapc16k", "festvox-suopuhe-lj", "festvox-suopuhe-mv", "festvox-ru"),
    *("festvox-czech-dita", "festvox-czech-machac", "festvox-czech-ph", "festvox-ca-ona-hts"),
)
NEEDS = f"Festival with its voices is needed: sudo apt install {' '.join(PACKAGES)}"
SECONDS_EACH = 30  # for a text, before Festival is stopped

_ITALIAN = {
    **dict(zip("ieEaoOujwptkbdgfsSvzZmnlrJL", "ieɛaoɔujwptkbdɡfsʃvzʒmnlrɲʎ", strict=True)),
    **{"i1": "i", "e1": "e", "E1": "ɛ", "a1": "a", "o1": "o", "O1": "ɔ", "u1": "u", "nf": "ɱ"},
    **{"ts": "ts", "tS": "tʃ", "dz": "dz", "dZ": "dʒ", "ng": "ŋ"},
}
_FINNISH = {
    **dict(zip("aeiouy@7&ptkbdgfTsShvmnNlLrjw", "ɑeiouyøəæptkbdɡfθsʃhʋmnŋlʎrjw", strict=True)),
    **{"Z": "ʒ", "D": "ð", "z": "z"},
}
_RUSSIAN = {
    **dict(zip("aeiuybvgdzjklmnprstfhc", "ɐeɪʊɨbvɡdzjklmnprstfxt", strict=True)),
    **{"aa": "a", "ee": "ɛ", "ii": "i", "oo": "o", "uu": "u", "yy": "ɨ", "ae": "ɪ", "ay": "ə"},
    **{"ur": "ʊ", "c": "ts", "ch": "tɕ", "sh": "ʂ", "sch": "ɕ", "zh": "ʐ"},
    **{two: two[0] for two in ("bb", "vv", "dd", "zz", "kk", "ll", "mm", "nn", "pp", "rr", "ss")},
    **{"tt": "t", "ff": "f", "gg": "ɡ", "hh": "x"},
}
_CZECH = {
    **dict(zip("abcdefghijklmnoprstuvz", "abcdefɡɦijklmnoprstuvz", strict=True)),
    **{"c": "ts", "c~": "tʃ", "ch": "x", "d~": "ɟ", "dz": "dz", "dz~": "dʒ", "n*": "ŋ", "n~": "ɲ"},
    **{"r~": "rʒ", "r~*": "rʃ", "s~": "ʃ", "t~": "c", "z~": "ʒ"},
}
_CATALAN = {
    **_ITALIAN,
    # Between vowels, where it mostly is, the lips only come near for a Catalan b.
    **{"ax": "ə", "rr": "r", "r": "ɾ", "b": "β"},
}


@dataclass(frozen=True)
class Voice:
    """One of Festival's voices.

    Attributes
    ----------
    name : str
    language : str
        Of its texts, see :func:`tools.speech_training.sentences.sentence`.
    letters : dict
        From its names of sounds to IPA.
    share : float
        Relative frequency with which it is drawn.
    """

    name: str
    language: str
    letters: dict[str, str]
    share: float = 1.0

    @property
    def closure(self) -> float:
        """Share of a p in which the lips are together."""
        english = self.language.startswith("en")
        return ASPIRATED_CLOSURE if english else UNASPIRATED_CLOSURE


VOICES = (
    Voice("ked_diphone", "en-us", ARPABET, 2.0),
    Voice("cmu_us_slt_arctic_hts", "en-us", ARPABET),
    Voice("lp_diphone", PLAIN, _ITALIAN),
    Voice("pc_diphone", PLAIN, _ITALIAN),
    Voice("hy_fi_mv_diphone", PLAIN, _FINNISH),
    Voice("suo_fi_lj_diphone", PLAIN, _FINNISH),
    Voice("msu_ru_nsh_clunits", "ru", _RUSSIAN, 2.5),
    Voice("czech_dita", PLAIN, _CZECH, 1.5),
    Voice("czech_machac", PLAIN, _CZECH, 1.5),
    Voice("czech_ph", PLAIN, _CZECH),
    Voice("upc_ca_ona_hts", PLAIN, _CATALAN),
)
"""kal_diphone is left out: it is the speaker of flite's kal16, which is held out for measuring."""

_NEXT, _LACKS = "== text ", "using default diphone"
_SILENT = ("pau", "#", "##", "_", "h#")


def ipa_of(voice: Voice, name: str) -> str:
    """Return a segment's name in IPA, a schwa for an unknown one."""
    if name in _SILENT:
        return "_"
    return voice.letters.get(name) or voice.letters.get(name.rstrip(":")) or "ə"


def say(texts: Sequence[str], voice: Voice, stretch: float = 1.0) -> list[Segmented]:
    """Speak several texts; those for which the voice lacks sounds are left out.

    Parameters
    ----------
    texts : sequence of str
    voice : Voice
    stretch : float
        How many times as long as usual.

    Returns
    -------
    list of Segmented
        Segments have IPA names.

    Raises
    ------
    MissingHere
        Festival, or this voice, is not installed.
    BadInput
        It runs into the time limit.
    """
    program = shutil.which("festival")
    if program is None:
        raise MissingHere(NEEDS)
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "say.scm"
        script.write_text(_script(texts, voice, stretch), encoding="utf-8")
        try:
            done = subprocess.run(
                [program, "-b", script.name],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=SECONDS_EACH * len(texts),
                check=False,
                cwd=folder,
            )
        except subprocess.TimeoutExpired as error:
            raise BadInput(f"Festival's {voice.name} does not come to an end") from error
        lacking = texts_lacking_sounds(done.stdout + done.stderr)
        spoken = [_read(Path(folder) / f"{i}", voice) for i in range(len(texts))]
    if not any(spoken):
        raise MissingHere(f"Festival's {voice.name} said nothing: {NEEDS}")
    return [one for i, one in enumerate(spoken) if one is not None and i not in lacking]


def texts_lacking_sounds(log: str) -> set[int]:
    """Read off Festival's output for which texts, by index, the voice lacks a diphone."""
    found: set[int] = set()
    number = -1
    for line in log.splitlines():
        if line.startswith(_NEXT):
            number = int(line[len(_NEXT) :])
        elif _LACKS in line:
            found.add(number)
    return found


def _script(texts: Sequence[str], voice: Voice, stretch: float) -> str:
    """Festival's Scheme: write N.wav and N.seg for each text, and a marker line before each."""
    lines = [f"(voice_{voice.name})", f"(Param.set 'Duration_Stretch {stretch:.3f})"]
    for at, text in enumerate(texts):
        plain = text.replace("\\", " ").replace('"', " ")
        lines.append(
            f'(format stderr "{_NEXT}{at}\\n")\n'
            # A text that fails must not stop the others.
            "(unwind-protect (begin\n"
            f'(set! said (utt.synth (Utterance Text "{plain}")))\n'
            f'(utt.save.wave said "{at}.wav" \'riff)\n'
            f'(set! table (fopen "{at}.seg" "w"))\n'
            '(mapcar (lambda (s) (format table "%s %f\\n" (item.name s) (item.feat s "end")))\n'
            "  (utt.relation.items said 'Segment))\n"
            "(fclose table)))"
        )
    return "\n".join(lines)


def _read(stem: Path, voice: Voice) -> Segmented | None:
    """Read what ``_script`` wrote; None where the text failed."""
    try:
        with wave.open(str(stem.with_suffix(".wav"))) as file:
            rate = file.getframerate()
            raw: NDArray[np.int16] = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        rows = [line.split() for line in stem.with_suffix(".seg").read_text("utf-8").splitlines()]
    except (OSError, EOFError, wave.Error, UnicodeDecodeError):
        return None
    segments = tuple((ipa_of(voice, row[0]), float(row[1])) for row in rows if len(row) == 2)
    return Segmented(raw.astype(np.float32) / 32768.0, rate, segments) if segments else None
