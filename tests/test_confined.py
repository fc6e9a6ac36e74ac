"""How the container runs: compose.yaml confines it, and what CI starts it with is made of that."""

import importlib.util
from pathlib import Path
from types import ModuleType

import yaml
from inline_snapshot import snapshot


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("confined", Path(__file__).parent.parent / "scripts/confined.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


confined = _script()
IMAGE = {"User": "10001:10001", "Env": ["A=1"], "Entrypoint": ["postil"], "Cmd": ["serve"], "WorkingDir": "/data"}


def test_compose_confines_every_container_of_ours_alike() -> None:
    """Replicas run the same strangers' code; only where they keep things differs."""
    services = yaml.safe_load(confined.COMPOSE.read_text())["services"]
    ours = [each for name, each in services.items() if name != "database"]

    assert len(ours) == 2
    for each in ours:
        assert confined.docker({**each, "tmpfs": []}, []) == snapshot(
            ["--read-only", "--init", "--cap-drop=ALL", "--security-opt=no-new-privileges:true"]
        )


def test_a_runtime_is_told_what_compose_says() -> None:
    """Who takes a setting out of compose.yaml has CI run without it, and CI finds what is then possible."""
    said = confined.service()
    config = confined.oci(said, "/image", "/kept", IMAGE, ["B=2"])
    open_ = confined.oci({"volumes": [], "tmpfs": []}, "/image", "/kept", IMAGE, [])

    assert config["process"]["user"] == {"uid": 10001, "gid": 10001}
    assert config["process"]["env"] == ["A=1", "B=2"]
    assert config["process"]["noNewPrivileges"] is True
    assert set(map(tuple, config["process"]["capabilities"].values())) == {()}
    assert config["root"] == {"path": "/image", "readonly": True}
    assert [mount["destination"] for mount in config["mounts"]] == ["/proc", "/dev", *said["tmpfs"], "/data"]
    assert open_["process"]["noNewPrivileges"] is False
    assert open_["process"]["capabilities"]["effective"]
    assert open_["root"]["readonly"] is False
