"""Folders for Unix sockets: their paths may have about 100 letters only, and only their owner may enter."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from service.embedded.identity import Identity

_LONGEST = 100
_NAME = 16


def socket_folder(home: Path, identity: Identity | None = None) -> Path:
    """A folder for the sockets of the server in ``home``: within it or, if its path is too long, in a temporary one."""
    folder = home.absolute() / "run"
    if len(os.fsencode(folder)) + _NAME > _LONGEST:
        digest = hashlib.sha256(os.fsencode(home.absolute())).hexdigest()[:12]
        folder = Path(tempfile.gettempdir()) / f"kantor-{os.geteuid()}-{digest}"
    if folder.is_symlink():
        raise PermissionError(f"{folder} is a link; remove it")
    folder.mkdir(parents=True, exist_ok=True)
    if folder.stat().st_uid not in {os.geteuid(), 65534}:
        raise PermissionError(f"{folder} belongs to another user; remove it")
    if identity is None:
        folder.chmod(0o700)
    else:
        identity.own(folder)
    return folder
