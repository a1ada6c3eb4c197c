"""Signs a message with dkimpy. Reads {"message": ..., "signatures": [...]} and writes the message with the signatures on
top, the last one topmost. A signature names its key, a, c, d, s and h; "l" is whether to write the body's length; "tags"
are set, added or, where null, left out against dkimpy's own will, before the signature is made.

With files {"asked": ..., "signed": ...} as arguments it checks instead that dkimpy signs what was asked as it was signed."""

import json
import pathlib
import sys

import dkim

KEYS = pathlib.Path(__file__).parent / "keys"


class Signer(dkim.DKIM):
    tags = {}

    def gen_header(self, fields, include_headers, *rest, **named):
        known = [name for name, _ in fields]
        fields = [(name, self.tags.get(name, value)) for name, value in fields]
        fields = [(name, value) for name, value in fields if value is not None]
        for name, value in self.tags.items():
            if name not in known and value is not None:
                fields.insert(len(fields) - 1, (name, value))
        include_headers = [name.strip() for name in dict(fields)[b"h"].split(b":")]
        return super().gen_header(fields, include_headers, *rest, **named)


def octets(text):
    return None if text is None else text.encode()


def signed(asked):
    message = octets(asked["message"])
    for wish in asked["signatures"]:
        signer = Signer(message)
        signer.should_not_sign = set()
        signer.tags = {octets(name): octets(value) for name, value in wish["tags"].items()}
        header = signer.sign(
            octets(wish["s"]),
            octets(wish["d"]),
            (KEYS / wish["key"]).read_bytes(),
            signature_algorithm=octets(wish["a"]),
            canonicalize=tuple(octets(wish["c"]).split(b"/")),
            include_headers=octets(wish["h"]).split(b":"),
            length=wish["l"],
        )
        message = header + message
    return message


files = [pathlib.Path(name) for name in sys.argv[1:]]
kept = [(file, json.loads(file.read_text())) for file in files]
wrong = [file for file, one in kept if signed(one["asked"]) != octets(one["signed"])]
if wrong:
    sys.exit(f"dkimpy signs otherwise: {wrong}")
if not files:
    sys.stdout.buffer.write(signed(json.load(sys.stdin)))
