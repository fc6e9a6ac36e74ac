"""The settings: complete and right, or a start that fails with every fault, its cure, and no secret."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from inline_snapshot import snapshot

from postil import stored
from postil.settings import Listen, Role, Settings, SettingsError

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
GOOD = {
    "POSTIL_GITHUB_APP_ID": "12345",
    "POSTIL_GITHUB_PRIVATE_KEY": PEM,
    "POSTIL_GITHUB_WEBHOOK_SECRET": "It's a Secret to Everybody",
    "POSTIL_PUBLIC_URL": "https://postil.example.com/",
}


def faults(**changes: str) -> list[str]:
    """Name what is wrong when GOOD is changed so (names without the prefix)."""
    with pytest.raises(SettingsError) as caught:
        Settings.load(GOOD | {f"POSTIL_{name}": value for name, value in changes.items()})
    return [f"{fault.name} {fault.wrong}" for fault in caught.value.faults]


def test_four_variables_are_a_working_github_app() -> None:
    """Everything else has a default that suits one process on github.com."""
    settings = Settings.load(GOOD)

    assert settings.credentials is not None
    assert settings.credentials.app_id == "12345"
    assert settings.credentials.private_key.get_secret_value() == PEM
    assert [secret.get_secret_value() for secret in settings.credentials.webhook_secrets] == [
        "It's a Secret to Everybody"
    ]
    assert settings.public_url == "https://postil.example.com"
    assert (settings.github_api_url, settings.web_url) == ("https://api.github.com", "https://github.com")
    assert (settings.role, settings.listen) == (Role.ALL, Listen("127.0.0.1", 8000))
    assert settings.database_url.get_secret_value() == "sqlite:///data/postil.db"


def test_without_any_credential_the_settings_are_fine_and_only_the_set_up_page_can_be_shown() -> None:
    """`postil serve` on an empty machine opens /setup; that is no fault."""
    assert Settings.load({}).credentials is None
    assert Settings.load({"POSTIL_GITHUB_APP_ID": "  "}).credentials is None


def test_all_faults_are_reported_at_once_each_with_its_cure() -> None:
    """An operator who cures one fault per start gives up at the third."""
    with pytest.raises(SettingsError) as caught:
        Settings.load(
            {
                "POSTIL_GITHUB_APP_ID": "my-app",
                "POSTIL_GITHUB_PRIVATE_KEY": "-----BEGIN RSA PRIVATE KEY-----\\nMIIE\\n-----END RSA PRIVATE KEY-----",
                "POSTIL_DATABASE_URL": "mysql://root:hunter2@db/postil",
                "POSTIL_PUBLICURL": "https://postil.example.com",
                "POSTIL_ROLE": "both",
                "POSTIL_CONCURRENCY": "0",
            }
        )

    assert str(caught.value) == snapshot("""\
7 settings are wrong; nothing was started.
  POSTIL_GITHUB_APP_ID is neither the number of an App nor a client id
    Give the number that the App's settings page shows as App ID, or its Client ID.
  POSTIL_GITHUB_PRIVATE_KEY looks like a private key, but is damaged or cut off: it can't be parsed
    Give the whole text of the .pem file that GitHub made under “Generate a private key”; its line
    ends may be written as \\n. Or name the file, which the service's user must be able to read, in
    POSTIL_GITHUB_PRIVATE_KEY_FILE instead.
  POSTIL_GITHUB_WEBHOOK_SECRET is missing
    Give the secret that the App's webhook signs with, for example from `openssl rand -hex 32`; two,
    separated by a comma, while one replaces the other.
  POSTIL_PUBLIC_URL is missing (and POSTIL_PUBLICURL, which is set, means nothing)
    Give the address where GitHub and people reach this service, such as https://postil.example.com;
    comments link to the guideline there.
  POSTIL_DATABASE_URL names no database that Postil works with
    Give sqlite:///PATH for one process (an absolute path has four slashes), or
    postgresql://USER:PASSWORD@HOST/NAME for several.
  POSTIL_ROLE is wrong: input should be 'all', 'web' or 'worker'
    Give all (one process does everything), or web and worker to run them apart; several of either
    need PostgreSQL.
  POSTIL_CONCURRENCY is wrong: input should be greater than or equal to 1
    Give how many reviews run at once in one worker: 1 to 64.\
""")


@pytest.mark.parametrize("form", ["as it is", "with literal \\n", "without its last line end"])
def test_the_private_key_is_accepted_in_the_forms_in_which_platforms_hand_it_over(form: str) -> None:
    """Many secret stores hold one line only, and some strip the last line end."""
    text = {"as it is": PEM, "with literal \\n": PEM.replace("\n", "\\n"), "without its last line end": PEM.strip()}[
        form
    ]
    settings = Settings.load(GOOD | {"POSTIL_GITHUB_PRIVATE_KEY": text})

    assert settings.credentials is not None
    assert settings.credentials.private_key.get_secret_value() == PEM


def test_every_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    """Docker and Kubernetes mount secrets as files, which whoever lists a process's environment doesn't see."""
    texts = {
        "GITHUB_PRIVATE_KEY": PEM,
        "GITHUB_WEBHOOK_SECRET": "the new secret of ours, the old secret of ours\n",
        "DATABASE_URL": "postgresql://postil:hunter2@db.example/postil\n",
        "OPERATOR_TOKEN": "a token for operators\n",
    }
    env = {name: value for name, value in GOOD.items() if name.removeprefix("POSTIL_") not in texts}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        env[f"POSTIL_{name}_FILE"] = str(tmp_path / name)
    settings = Settings.load(env)

    assert settings.credentials is not None
    assert settings.credentials.private_key.get_secret_value() == PEM
    assert [secret.get_secret_value() for secret in settings.credentials.webhook_secrets] == [
        "the new secret of ours",
        "the old secret of ours",
    ]
    assert settings.database_url.get_secret_value() == "postgresql://postil:hunter2@db.example/postil"
    assert settings.operator_token is not None
    assert settings.operator_token.get_secret_value() == "a token for operators"


def test_what_is_wrong_with_the_text_of_a_file_is_said_of_the_file(tmp_path: Path) -> None:
    """The variable that somebody set is the one to look at."""
    (tmp_path / "secret").write_text("short")
    env = GOOD | {"POSTIL_GITHUB_WEBHOOK_SECRET_FILE": str(tmp_path / "secret")}
    del env["POSTIL_GITHUB_WEBHOOK_SECRET"]
    with pytest.raises(SettingsError) as caught:
        Settings.load(env)

    assert [fault.name for fault in caught.value.faults] == ["POSTIL_GITHUB_WEBHOOK_SECRET_FILE"]
    assert caught.value.faults[0].wrong.startswith("names a file whose text is too short to be safe")


def test_a_key_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A forgotten mount is the most frequent fault of this setting; the path tells which."""
    env = GOOD | {"POSTIL_GITHUB_PRIVATE_KEY_FILE": str(tmp_path / "app.pem")}
    del env["POSTIL_GITHUB_PRIVATE_KEY"]
    with pytest.raises(SettingsError) as caught:
        Settings.load(env)

    assert [fault.wrong for fault in caught.value.faults] == [
        f"names the file {tmp_path}/app.pem, which can't be read: No such file or directory"
    ]


def test_two_places_for_one_key_are_refused(tmp_path: Path) -> None:
    """Nobody could tell which of the two is in use."""
    path = tmp_path / "app.pem"
    path.write_text(PEM)

    assert faults(GITHUB_PRIVATE_KEY_FILE=str(path)) == snapshot(
        ["POSTIL_GITHUB_PRIVATE_KEY is set, and so is POSTIL_GITHUB_PRIVATE_KEY_FILE"]
    )


def test_what_is_no_usable_key_is_told_apart() -> None:
    """The cure differs: GitHub's .pem, a whole copy of it, one without passphrase."""
    elliptic = ec.generate_private_key(ec.SECP256R1())
    forms = {
        "a word": "hunter2",
        "public": KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        "cut off": PEM[:400],
        "encrypted": KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")).decode(),
        "elliptic": elliptic.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
    }

    assert {form: faults(GITHUB_PRIVATE_KEY=text) for form, text in forms.items()} == snapshot(
        {
            "a word": [
                "POSTIL_GITHUB_PRIVATE_KEY is no private key: it lacks the line that says BEGIN RSA PRIVATE KEY"
            ],
            "public": [
                "POSTIL_GITHUB_PRIVATE_KEY is no private key: it lacks the line that says BEGIN RSA PRIVATE KEY"
            ],
            "cut off": [
                "POSTIL_GITHUB_PRIVATE_KEY looks like a private key, but is damaged or cut off: it can't be parsed"
            ],
            "encrypted": ["POSTIL_GITHUB_PRIVATE_KEY is encrypted with a passphrase"],
            "elliptic": ["POSTIL_GITHUB_PRIVATE_KEY is no RSA key, and GitHub Apps sign with RSA only"],
        }
    )


def test_two_webhook_secrets_are_taken_for_rotation_and_a_third_is_not() -> None:
    """While one replaces the other both must work; a longer list is a list nobody cleans up."""
    old, new = "the-old-secret-of-ours", "the-new-secret-of-ours"
    settings = Settings.load(GOOD | {"POSTIL_GITHUB_WEBHOOK_SECRET": f"{new}, {old}"})

    assert [secret.get_secret_value() for secret in settings.github_webhook_secret] == [new, old]
    assert faults(GITHUB_WEBHOOK_SECRET=f"{old},{new},{old}") == snapshot(
        ["POSTIL_GITHUB_WEBHOOK_SECRET holds 3 secrets; it takes one, or two while one replaces the other"]
    )
    assert faults(GITHUB_WEBHOOK_SECRET=old[:7]) == snapshot(
        ["POSTIL_GITHUB_WEBHOOK_SECRET is too short to be safe: each secret needs at least 16 characters"]
    )


@pytest.mark.parametrize(
    ("api", "web"),
    [
        ("https://api.github.com", "https://github.com"),
        ("https://github.corp.example/api/v3", "https://github.corp.example"),
        ("https://api.octo.ghe.com", "https://octo.ghe.com"),
        ("http://127.0.0.1:8099", "http://127.0.0.1:8099"),
    ],
    ids=["github.com", "enterprise server", "ghe.com", "this machine"],
)
def test_the_web_address_follows_from_that_of_the_api(api: str, web: str) -> None:
    """One address fewer to get wrong (GitHub's own layouts of the two)."""
    assert Settings.load(GOOD | {"POSTIL_GITHUB_API_URL": api}).web_url == web


@pytest.mark.parametrize(
    "url",
    [
        "postil.example.com",
        "ftp://x.example",
        "http://postil.example.com",
        "https://u:p@x.example",
        "https://x:port",
        "https://x.example/postil",
    ],
)
def test_an_address_that_cannot_work_or_is_not_safe_stops_the_start(url: str) -> None:
    """Tokens and webhook payloads travel to it; plain HTTP is for this machine only."""
    assert len(faults(PUBLIC_URL=url)) == 1


def test_a_worker_without_credentials_does_not_start() -> None:
    """It has nothing to show and nothing to do."""
    with pytest.raises(SettingsError) as caught:
        Settings.load({"POSTIL_ROLE": "worker"})

    assert [fault.name for fault in caught.value.faults] == snapshot(
        ["POSTIL_GITHUB_APP_ID", "POSTIL_GITHUB_PRIVATE_KEY", "POSTIL_GITHUB_WEBHOOK_SECRET", "POSTIL_PUBLIC_URL"]
    )


def test_variables_that_a_platform_sets_with_our_prefix_do_no_harm() -> None:
    """Kubernetes gives every pod POSTIL_PORT=tcp://… when a service is named postil."""
    env = GOOD | {"POSTIL_PORT": "tcp://10.0.0.7:8000", "POSTIL_SERVICE_HOST": "10.0.0.7"}

    assert Settings.load(env).listen == Listen("127.0.0.1", 8000)


@pytest.mark.parametrize("listen", ["8000", "10.0.0.7", "10.0.0.7:http", "10.0.0.7:70000"])
def test_a_listening_address_needs_a_host_and_a_port(listen: str) -> None:
    """Half an address would be completed by guessing."""
    assert faults(LISTEN=listen) == ["POSTIL_LISTEN is no host and port"]


def test_an_ipv6_address_to_listen_on_is_understood() -> None:
    """Its colons are not the one before the port."""
    assert Settings.load(GOOD | {"POSTIL_LISTEN": "[::1]:8080"}).listen == Listen("::1", 8080)


def test_neither_the_settings_nor_their_faults_show_a_secret() -> None:
    """Both end up in logs."""
    secret = "hunter2" * 3
    env = GOOD | {
        "POSTIL_GITHUB_WEBHOOK_SECRET": secret,
        "POSTIL_DATABASE_URL": f"postgresql://postil:{secret}@db/postil",
    }
    broken = {
        "POSTIL_GITHUB_PRIVATE_KEY": f"-----BEGIN RSA PRIVATE KEY-----\n{secret}",
        "POSTIL_GITHUB_WEBHOOK_SECRET": f"{secret},a",
        "POSTIL_DATABASE_URL": f"mysql://{secret}@db",
        "POSTIL_GITHUB_API_URL": f"https://{secret}@x",
        "POSTIL_LISTEN": secret,
    }
    with pytest.raises(SettingsError) as caught:
        Settings.load(broken)

    assert secret not in repr(Settings.load(env))
    assert secret not in str(Settings.load(env).model_dump())
    assert secret not in str(caught.value)
    assert len(caught.value.faults) >= len(broken)


def test_operators_get_a_port_of_their_own_and_a_token_that_cannot_be_guessed() -> None:
    """A port that both share would show everybody what is for them."""
    assert faults(PRIVATE_LISTEN="127.0.0.1:8000") == snapshot(
        ["POSTIL_PRIVATE_LISTEN needs a port of its own, not 8000"]
    )
    assert faults(OPERATOR_TOKEN="hunter2", OPERATOR_HEADER="X Forwarded User") == snapshot(
        [
            "POSTIL_OPERATOR_TOKEN is too short to be safe: it needs at least 16 characters",
            "POSTIL_OPERATOR_HEADER is no name of a header",
        ]
    )
    assert Settings.load(GOOD | {"POSTIL_PRIVATE_LISTEN": "127.0.0.1:9000"}).private_listen == Listen("127.0.0.1", 9000)


def test_a_guideline_that_nobody_could_read_is_a_fault() -> None:
    """It is for operators then, and nobody has said who they are."""
    assert faults(PRIVATE_GUIDE="true") == snapshot(["POSTIL_PRIVATE_GUIDE leaves nobody who could read the guideline"])
    assert Settings.load(GOOD | {"POSTIL_PRIVATE_GUIDE": "true", "POSTIL_OPERATOR_HEADER": "X-User"}).private_guide


# What the set-up in the browser stored

KEPT = {
    "github_app_id": "12345",
    "github_private_key": PEM,
    "github_webhook_secret": "It's a Secret to Everybody",
    "public_url": "https://postil.example.com",
}


def beside(tmp_path: Path, **env: str) -> Settings:
    """Load with a stored file, and these settings in the environment."""
    stored.write(tmp_path, KEPT)
    return Settings.load({"POSTIL_DATA_FOLDER": str(tmp_path)} | {f"POSTIL_{name}": env[name] for name in env})


def test_the_stored_file_is_a_source_of_settings(tmp_path: Path) -> None:
    """A start after the set-up needs nothing else, and says nothing."""
    settings = beside(tmp_path)

    assert settings.credentials == Settings.load(GOOD).credentials
    assert settings.public_url == "https://postil.example.com"
    assert settings.overruled == ()
    assert (tmp_path / stored.FILE).stat().st_mode & 0o777 == 0o600


def test_the_file_is_looked_for_beside_the_database_unless_told(tmp_path: Path) -> None:
    """The volume that lasts is the one with the database."""
    stored.write(tmp_path, KEPT)
    settings = Settings.load({"POSTIL_DATABASE_URL": f"sqlite:///{tmp_path}/postil.db?timeout=5"})

    assert settings.credentials is not None
    assert settings.folder == tmp_path
    assert Settings.load({"POSTIL_DATABASE_URL": "postgresql://localhost/postil"}).folder == Path("data")


def test_the_environment_goes_before_the_file_and_the_conflict_is_known(tmp_path: Path) -> None:
    """A secret is rotated there; whoever wonders which one holds is told."""
    settings = beside(
        tmp_path, GITHUB_WEBHOOK_SECRET="another secret of ours", PUBLIC_URL="https://postil.example.com/"
    )

    assert settings.credentials is not None
    assert [each.get_secret_value() for each in settings.credentials.webhook_secrets] == ["another secret of ours"]
    assert settings.credentials.app_id == "12345"
    assert settings.overruled == ("github_webhook_secret",)


def test_with_another_app_in_the_environment_nothing_of_the_file_is_taken(tmp_path: Path) -> None:
    """The key of one App with the id of another is a riddle on GitHub's side, and a plain fault on ours."""
    with pytest.raises(SettingsError) as caught:
        beside(tmp_path, GITHUB_APP_ID="99")

    assert [fault.name for fault in caught.value.faults] == [
        "POSTIL_GITHUB_PRIVATE_KEY",
        "POSTIL_GITHUB_WEBHOOK_SECRET",
        "POSTIL_PUBLIC_URL",
    ]


@pytest.mark.parametrize("text", ['{"github_app_id": "1', '["a list"]', "\x80"])
def test_a_damaged_file_stops_the_start_with_its_name_and_the_cure(tmp_path: Path, text: str) -> None:
    """Else a service that was set up would open the set-up again, to whoever reads the log."""
    (tmp_path / stored.FILE).write_text(text, encoding="latin-1")
    with pytest.raises(SettingsError) as caught:
        Settings.load({"POSTIL_DATA_FOLDER": str(tmp_path)})

    (fault,) = caught.value.faults
    assert (fault.name, str(tmp_path / stored.FILE) in fault.wrong) == ("POSTIL_DATA_FOLDER", True)


def test_a_wrong_value_in_the_file_is_named_with_the_file(tmp_path: Path) -> None:
    """Nobody finds it in the environment."""
    stored.write(tmp_path, KEPT | {"github_app_id": "ours"})
    with pytest.raises(SettingsError) as caught:
        Settings.load({"POSTIL_DATA_FOLDER": str(tmp_path)})

    assert str(caught.value).replace(str(tmp_path), "FOLDER") == snapshot("""\
One setting is wrong; nothing was started.
  POSTIL_GITHUB_APP_ID in FOLDER/github-app.json is neither the number of an App nor a client id
    Set it in the environment, which goes first.\
""")


@pytest.mark.parametrize(
    ("env", "web", "api", "graphql", "patience", "days"),
    [
        ({}, "https://github.com", "https://api.github.com", "https://api.github.com/graphql", 10, 3),
        (
            {"WEB": "https://octo.ghe.com"},
            "https://octo.ghe.com", "https://api.octo.ghe.com", "https://api.octo.ghe.com/graphql", 10, 3,
        ),
        (
            {"API": "https://ghe.example.com/api/v3"},
            "https://ghe.example.com", "https://ghe.example.com/api/v3", "https://ghe.example.com/api/graphql", 30, 7,
        ),
        (
            {"WEB": "https://ghe.example.com/"},
            "https://ghe.example.com", "https://ghe.example.com/api/v3", "https://ghe.example.com/api/graphql", 30, 7,
        ),
        (
            {"WEB": "https://git.example.com", "API": "https://ghe.example.com/api/v3"},
            "https://git.example.com", "https://ghe.example.com/api/v3", "https://ghe.example.com/api/graphql", 30, 7,
        ),
    ],
)  # fmt: skip
def test_what_differs_between_the_githubs_follows_from_an_address(
    env: dict[str, str], web: str, api: str, graphql: str, patience: float, days: float
) -> None:
    """One setting is enough, and nobody has to know where a server keeps its API."""
    site = Settings.load({f"POSTIL_GITHUB_{name}_URL": value for name, value in env.items()}).site

    assert (site.web_url, site.api_url, site.graphql_url) == (web, api, graphql)
    assert (site.answer_within, site.keeps_deliveries) == (patience, days * 86400)
