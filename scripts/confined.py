"""How compose.yaml has the container run, in the words of an OCI runtime or of `docker run`.

What CI starts is thereby confined by the very settings that operators copy: one that is taken out of compose.yaml is
missing in CI's proof as well.

    python scripts/confined.py docker [NAME=VALUE …]                   arguments of `docker run`, one a line
    python scripts/confined.py oci ROOT DATA IMAGE [NAME=VALUE …]      a config.json, on stdout

ROOT is the image's file system, mounted; DATA a folder that takes the place of the volume; IMAGE a file with what
`buildah inspect` prints of it. NAME=VALUE is a setting.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

COMPOSE = Path(__file__).parent.parent / "compose.yaml"
SAFE = ["nosuid", "nodev"]
USUAL = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID"]
"""Some of the capabilities that Docker leaves a container which drops none."""


def service() -> dict[str, Any]:
    """What compose.yaml says of the service for one machine."""
    return yaml.safe_load(COMPOSE.read_text())["services"]["postil"]


def docker(said: dict[str, Any], env: Sequence[str]) -> list[str]:
    """The arguments of `docker run`, but for user and network."""
    return [
        *(f"--env={each}" for each in env),
        *(["--read-only"] if said.get("read_only") else []),
        *(["--init"] if said.get("init") else []),
        *(f"--tmpfs={each}" for each in said.get("tmpfs", ())),
        *(f"--cap-drop={each}" for each in said.get("cap_drop", ())),
        *(f"--security-opt={each}" for each in said.get("security_opt", ())),
    ]


def oci(said: dict[str, Any], root: str, data: str, image: dict[str, Any], env: Sequence[str]) -> dict[str, Any]:
    """The configuration of a runtime (OCI runtime specification 1.0), with the machine's own network."""
    uid, gid = map(int, image["User"].split(":"))
    left = [] if "ALL" in said.get("cap_drop", ()) else USUAL
    places = [volume.split(":")[1] for volume in said["volumes"]]
    return {
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": uid, "gid": gid},
            "args": [*image["Entrypoint"], *image["Cmd"]],
            "env": [*image["Env"], *env],
            "cwd": image["WorkingDir"],
            "noNewPrivileges": "no-new-privileges:true" in said.get("security_opt", ()),
            "capabilities": dict.fromkeys(("bounding", "effective", "inheritable", "permitted", "ambient"), left),
        },
        "root": {"path": root, "readonly": bool(said.get("read_only"))},
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
            *({"destination": each, "type": "tmpfs", "source": "tmpfs", "options": SAFE} for each in said["tmpfs"]),
            *({"destination": each, "type": "bind", "source": data, "options": ["bind", *SAFE]} for each in places),
        ],
        "linux": {"namespaces": [{"type": each} for each in ("pid", "mount", "ipc", "uts")]},
    }


def main() -> None:
    """Print one of them."""
    match sys.argv[1:]:
        case ["docker", *env]:
            print("\n".join(docker(service(), env)))
        case ["oci", root, data, image, *env]:
            print(json.dumps(oci(service(), root, data, json.loads(Path(image).read_text())["OCIv1"]["config"], env)))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
