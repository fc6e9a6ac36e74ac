"""Calls that keep a processor busy for so long that others on the same event loop notice.

Names were checked against Python 3.11, bcrypt 5.0.0, argon2-cffi 25.1.0, passlib 1.7.4, cryptography 50.0.2,
Werkzeug 3.1.9, Pillow 13.0.0 and pandas 3.1.1. Hashing of passwords is slow by design, some 50 to 500 ms a call with
the libraries' own settings; how long the others take depends on what they are given.
"""

_PASSLIB_HASHES = ("argon2", "bcrypt", "bcrypt_sha256", "pbkdf2_sha256", "pbkdf2_sha512", "scrypt", "sha256_crypt",
                   "sha512_crypt")  # fmt: skip

PASSWORD_CALLS = frozenset(
    {
        "bcrypt.hashpw",
        "bcrypt.checkpw",
        "bcrypt.kdf",
        "argon2.hash_password",
        "argon2.verify_password",
        "hashlib.pbkdf2_hmac",
        "hashlib.scrypt",
        "werkzeug.security.generate_password_hash",
        "werkzeug.security.check_password_hash",
        "django.contrib.auth.hashers.make_password",
        "django.contrib.auth.hashers.check_password",
        *(f"passlib.hash.{name}.{method}" for name in _PASSLIB_HASHES for method in ("hash", "verify")),
    }
)
_KDF = "cryptography.hazmat.primitives.kdf"

# class → its methods
PASSWORD_METHODS: dict[str, frozenset[str]] = {
    "argon2.PasswordHasher": frozenset({"hash", "verify"}),
    "passlib.context.CryptContext": frozenset({"hash", "verify", "verify_and_update"}),
    f"{_KDF}.pbkdf2.PBKDF2HMAC": frozenset({"derive", "verify"}),
    f"{_KDF}.scrypt.Scrypt": frozenset({"derive", "verify"}),
}

COMPUTING_CALLS = frozenset(
    {
        *(f"pandas.read_{kind}" for kind in ("csv", "excel", "feather", "fwf", "hdf", "html", "json", "orc", "parquet",
                                             "pickle", "sas", "spss", "stata", "table", "xml")),
        "pickle.load",
        "shutil.make_archive",
        "shutil.unpack_archive",
    }
)  # fmt: skip
COMPUTING_METHODS: dict[str, frozenset[str]] = {
    "PIL.Image.Image": frozenset({"convert", "filter", "quantize", "resize", "rotate", "save", "thumbnail",
                                  "transform"}),
    "zipfile.ZipFile": frozenset({"extractall", "testzip"}),
    "tarfile.TarFile": frozenset({"extractall"}),
}  # fmt: skip
