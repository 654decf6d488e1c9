"""A manifest's hash names all weights of a version and does not depend on who wrote it in which order."""

import hashlib

from muster.shards.manifest import manifest_sha256

ONE, TWO = "1" * 64, "2" * 64


def test_the_hash_is_that_of_the_document_written_out() -> None:
    text = (
        '{"components":{"head":{"full":"TWO"},"vision":{"full":"ONE","light":"TWO"}},'
        '"format":1,"workload":"digits","workload_version":3}'
    )
    text = text.replace("ONE", ONE).replace("TWO", TWO)
    components = {"vision": {"light": TWO, "full": ONE}, "head": {"full": TWO}}
    assert manifest_sha256("digits", 3, components) == hashlib.sha256(text.encode()).hexdigest()


def test_every_part_counts_and_the_order_does_not() -> None:
    components = {"vision": {"light": TWO, "full": ONE}, "head": {"full": TWO}}
    first = manifest_sha256("digits", 3, components)
    assert manifest_sha256("digits", 3, dict(reversed(components.items()))) == first
    others = [
        manifest_sha256("digit", 3, components),
        manifest_sha256("digits", 4, components),
        manifest_sha256("digits", 3, {**components, "head": {"full": ONE}}),
        manifest_sha256("digits", 3, {**components, "head": {"light": TWO}}),
        manifest_sha256("digits", 3, {"vision": components["vision"]}),
    ]
    assert len({first, *others}) == 6
