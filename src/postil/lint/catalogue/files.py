"""Calls of the standard library that read, write or look at the local disk. Names are those of Python 3.11."""

_OS = ("access", "chmod", "chown", "copy_file_range", "fsync", "link", "listdir", "lstat", "makedirs", "mkdir",
       "readlink", "remove", "removedirs", "rename", "renames", "replace", "rmdir", "scandir", "sendfile", "stat",
       "statvfs", "symlink", "truncate", "unlink", "utime")  # fmt: skip
_OS_PATH = ("exists", "getatime", "getctime", "getmtime", "getsize", "isdir", "isfile", "islink", "lexists", "realpath",
            "samefile")  # fmt: skip

FILE_CALLS = frozenset(
    {
        "open",
        "io.open",
        *(f"os.{name}" for name in _OS),
        *(f"os.path.{name}" for name in _OS_PATH),
        *(f"shutil.{name}" for name in ("copy", "copy2", "copyfile", "copyfileobj", "copymode", "copystat",
                                        "disk_usage", "which")),
        *(f"tempfile.{name}" for name in ("NamedTemporaryFile", "TemporaryDirectory", "TemporaryFile", "mkdtemp",
                                          "mkstemp")),
        "glob.glob",
    }
)  # fmt: skip
# The work grows with what is there: a whole tree, a whole disk.
TREE_CALLS = frozenset({"os.walk", "shutil.copytree", "shutil.move", "shutil.rmtree", "os.fwalk"})

PATH_CLASSES = frozenset({"pathlib.Path", "pathlib.PosixPath"})
PATH_METHODS = frozenset(
    {"chmod", "exists", "expanduser", "group", "hardlink_to", "is_dir", "is_file", "is_mount", "is_symlink", "lchmod",
     "lstat", "mkdir", "open", "owner", "readlink", "rename", "replace", "resolve", "rmdir", "samefile", "stat",
     "symlink_to", "touch", "unlink"}
)  # fmt: skip
WHOLE_FILE_METHODS = frozenset({"read_bytes", "read_text", "write_bytes", "write_text"})
