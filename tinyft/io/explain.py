"""What an error of the disk means for a file, and what zipfile raises for a damaged one."""

import errno
import struct
import zipfile

BROKEN_ZIP = (
    zipfile.BadZipFile,
    EOFError,
    NotImplementedError,  # a version or compression that does not exist
    RuntimeError,  # "encrypted"
    UnicodeDecodeError,
    struct.error,
)

ADVICE = {
    errno.ENOSPC: "the disk is full; make room, or choose another folder",
    errno.EDQUOT: "your quota on this disk is used up; make room, or choose another disk",
    errno.EROFS: "the disk is read-only; choose another folder",
    errno.EACCES: "this account may not write there; choose another folder",
    errno.EPERM: "this account may not write there; choose another folder",
    errno.EFBIG: "the file would be larger than is allowed here; choose another disk",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
    errno.EISDIR: "it is a folder; give the name of a file in it",
    errno.EIO: "the disk reports an error; choose another disk",
}


def explained(error, path):
    """An OSError of the same kind that names the file and says what to do."""
    advice = ADVICE.get(error.errno, f"{error.strerror}; choose another place")
    text = f"Cannot write {path}: {advice}. What was there before is unchanged."
    return OSError(error.errno, text)
