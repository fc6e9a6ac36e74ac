"""Calls over the network that wait without limit unless they are given a timeout.

Tried against a server that accepts a connection and stays silent, for 45 seconds: Python 3.11, requests 2.34.2,
urllib3 2.8.0, psycopg2 2.9.13 (libpq has no limit). Left out, because they have limits of their own: httpx (5 s),
aiohttp (300 s), asyncpg.connect (60 s), psycopg.connect (130 s), urllib3.request (3 s), websockets (10 s to open),
paramiko (15 s for the greeting).
"""

_VERBS = ("get", "post", "put", "patch", "delete", "head", "options")

# call → (the keyword that limits it, its position if it may be given by position)
UNLIMITED_CALLS: dict[str, tuple[str, int | None]] = {
    **{f"requests.{verb}": ("timeout", None) for verb in (*_VERBS, "request")},
    **{f"requests.api.{verb}": ("timeout", None) for verb in (*_VERBS, "request")},
    "urllib.request.urlopen": ("timeout", 2),
    "socket.create_connection": ("timeout", 1),
    "smtplib.SMTP": ("timeout", 3),
    "smtplib.SMTP_SSL": ("timeout", None),
    "smtplib.LMTP": ("timeout", 4),
    "ftplib.FTP": ("timeout", 4),
    "ftplib.FTP_TLS": ("timeout", None),
    "imaplib.IMAP4": ("timeout", 2),
    "imaplib.IMAP4_SSL": ("timeout", None),
    "poplib.POP3": ("timeout", 2),
    "poplib.POP3_SSL": ("timeout", None),
    "telnetlib.Telnet": ("timeout", 2),
    "http.client.HTTPConnection": ("timeout", 2),
    "http.client.HTTPSConnection": ("timeout", None),
    "xmlrpc.client.ServerProxy": ("transport", 1),
    "psycopg2.connect": ("connect_timeout", None),
}

# (class, method) → the same
UNLIMITED_METHODS: dict[tuple[str, str], tuple[str, int | None]] = {
    **{(session, verb): ("timeout", None) for session in ("requests.Session", "requests.sessions.Session")
       for verb in (*_VERBS, "send")},
    **{(session, "request"): ("timeout", 8) for session in ("requests.Session", "requests.sessions.Session")},
    **{(pool, method): ("timeout", None) for pool in ("urllib3.PoolManager", "urllib3.ProxyManager")
       for method in ("request", "urlopen")},
    **{(ftp, "connect"): ("timeout", 2) for ftp in ("ftplib.FTP", "ftplib.FTP_TLS")},
    ("telnetlib.Telnet", "open"): ("timeout", 2),
}  # fmt: skip

# Where `socket.setdefaulttimeout` is the limit when no other is given. requests tells urllib3 that there is none; used
# by itself, urllib3 takes the default (tried with 2.8.0: it ends after the default, requests does not).
USE_SOCKET_DEFAULT = (
    "urllib.",
    "socket.",
    "smtplib.",
    "ftplib.",
    "imaplib.",
    "poplib.",
    "telnetlib.",
    "http.",
    "xmlrpc.",
    "urllib3.",
)

# Whose timeout may be given once, to the object instead of the call.
LIMITED_BY_CONSTRUCTOR = ("urllib3.",)

# Without a host these open no connection; the method that does so later takes the limit.
CONNECT_LATER = frozenset({"ftplib.FTP", "ftplib.FTP_TLS", "telnetlib.Telnet"})
