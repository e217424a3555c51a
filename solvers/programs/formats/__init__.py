"""Model files: reading (MPS, QPS, LP, MathOptFormat, AMPL .nl, OPB; plain, .gz, .bz2, .zst) and writing (MPS, LP)."""

from solvers.programs.formats.limits import Limits
from solvers.programs.formats.lp_writer import write_lp
from solvers.programs.formats.mps_writer import write_mps
from solvers.programs.formats.reading import READERS, format_of, read

__all__ = ["READERS", "Limits", "format_of", "read", "write_lp", "write_mps"]
