"""``imprint certificate``: by which signatures of imported images are checked."""

from pathlib import Path

import click

from contracts.views import CertificateView
from imprint.options import current, run, shared
from imprint.output import print_json, show, when
from imprint.plain import plain
from imprint.saying import said


@click.group(name="certificate")
@shared
def command() -> None:
    """Certificates of those who sign images: `imprint image import --signature FILE --certificate NAME`."""


@command.command(name="set")
@click.argument("name")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@shared
def set_(name: str, file: Path) -> None:
    """Give the certificate in FILE (X.509, PEM) a NAME, or replace the one of that name."""
    try:
        pem = file.read_text("ascii")
    except UnicodeDecodeError:
        raise click.UsageError(f"{file} is no PEM file: openssl x509 -inform der -in {file} makes one.") from None
    view = run(lambda client: client.set_certificate(name, pem))
    if current().json:
        print_json(view)
    else:
        click.echo(f"certificate {view.name}: {_words(view)}")


@command.command(name="list")
@shared
def list_() -> None:
    """The tenant's certificates, whose they are, and from when until when they hold."""
    found = run(lambda client: client.certificates())
    rows = [(one.name, one.subject, when(one.not_before), when(one.not_after), one.fingerprint) for one in found]
    columns = ("CERTIFICATE", "SUBJECT", "FROM", "UNTIL", "SHA-256")
    show(found, columns, rows, empty="There are no certificates yet.")


@command.command()
@click.argument("name")
@shared
def remove(name: str) -> None:
    """Take a certificate away; versions that were checked by it stay as they are."""
    run(lambda client: client.drop_certificate(name))
    said(f"certificate {name} is gone", certificate=name, removed=True)


def _words(view: CertificateView) -> str:
    return plain(f"{view.subject}, until {when(view.not_after)}, SHA-256 {view.fingerprint}")
