"""Files that people take for tensor files, and what to do about them."""

PICKLES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04")


def told(content):
    """What these bytes are instead of a tensor file, as a clause; None if not known."""
    if content.startswith(PICKLES) and content[8:9] != b"{":  # else a header's length
        return (
            "is a pickle or a zip (an old PyTorch checkpoint?), which could run code "
            "when read. io.load_pth(path) reads the tensors of one and runs nothing of it."
        )
    if content.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not the file itself. Run: git lfs pull"
    if content.startswith(b"GGUF"):
        return "is a file of llama.cpp. io.load_gguf(path) reads the model in it."
    return None
