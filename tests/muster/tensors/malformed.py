"""Files that are almost safetensors, made here so that each can be read: what is wrong with it, and the code for it."""

import json
from typing import Any

NAN_F32, INF_F64, NAN_F16, INF_BF16 = b"\x01\x00\x80\x7f", b"\x00" * 6 + b"\xf0\xff", b"\x01\x7e", b"\x80\xff"


def entry(dtype: Any = "F32", shape: Any = (2,), offsets: Any = (0, 8), **more: Any) -> dict[str, Any]:
    """Return the description of a tensor."""
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets, **more}


def file(header: Any, data: bytes = b"", length: int | None = None) -> bytes:
    """Return a file; a header of bytes stands as it is, and `length` says something else than is true."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def one(data: bytes = bytes(8), **changed: Any) -> bytes:
    """Return a file of one tensor called `a`, two zeros of F32 unless something is changed."""
    return file({"a": entry(**changed)}, data)


def two(first: tuple[int, int], second: tuple[int, int], size: int) -> bytes:
    """Return a file of `size` bytes of data with two U8 tensors at the given places."""
    places = {"a": first, "b": second}
    tensors = {name: entry("U8", [end - start], [start, end]) for name, (start, end) in places.items()}
    return file(tensors, bytes(size))


def twice(inner: bytes) -> bytes:
    return file(b'{"a":{' + inner + b',"shape":[2],"data_offsets":[0,8]}}', bytes(8))


# Refused when the header is read: what it is → (the file, the error's code).
CORPUS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "file_too_short"),
    "seven bytes": (bytes(7), "file_too_short"),
    "no header": (bytes(8), "header_not_object"),
    "a header one byte longer than the file": (file({}, length=3), "header_beyond_file"),
    "a header of 16 MiB and a byte": (file({}, length=(16 << 20) + 1), "header_too_large"),
    "a header of 2**64 - 1 bytes": (file({}, length=2**64 - 1), "header_too_large"),
    "a header cut in the middle": (file(one()[8:-8], length=20), "header_not_json"),
    "a header that is not UTF-8": (file(b'{"\xff":1}'), "header_not_text"),
    "a header with a surrogate in UTF-8": (file(b'{"\xed\xa0\x80":1}'), "header_not_text"),
    "a header in UTF-16": (file('{"a":1}'.encode("utf-16")), "header_not_object"),
    "a byte order mark": (file(b"\xef\xbb\xbf{}"), "header_not_object"),
    "a space before the header": (file(b" {}"), "header_not_object"),
    "a list": (file([]), "header_not_object"),
    "a number": (file(7), "header_not_object"),
    "two objects": (file(b"{}{}"), "header_not_json"),
    "a trailing comma": (file(b'{"a":1,}'), "header_not_json"),
    "a comment": (file(b"{}//"), "header_not_json"),
    "a zero behind the header": (file(b"{}\x00"), "header_not_json"),
    "a raw line break in a name": (file(b'{"a\n":1}'), "header_not_json"),
    "NaN": (file(b'{"a":NaN}'), "header_not_json"),
    "a very deep header": (file(b'{"a":' + b"[" * 100_000), "header_not_json"),
    "one name twice": (file(b'{"a":%b,"a":%b}' % ((json.dumps(entry()).encode(),) * 2), bytes(8)), "duplicate_key"),
    "one dtype twice": (twice(b'"dtype":"F32","dtype":"F32"'), "duplicate_key"),
    "metadata twice": (file(b'{"__metadata__":{},"__metadata__":{}}'), "duplicate_key"),
    "one metadata name twice": (file(b'{"__metadata__":{"a":"b","a":"c"}}'), "duplicate_key"),
    "metadata that is null": (file({"__metadata__": None}), "bad_metadata"),
    "metadata that is a list": (file({"__metadata__": ["a"]}), "bad_metadata"),
    "a number in metadata": (file({"__metadata__": {"a": 1}}), "bad_metadata"),
    "an object in metadata": (file({"__metadata__": {"a": {"b": "c"}}}), "bad_metadata"),
    "half a surrogate in metadata": (file({"__metadata__": {"a": "\ud800"}}), "bad_metadata"),
    "65,537 tensors": (file({str(n): entry("U8", [0], [0, 0]) for n in range(65_537)}), "too_many_tensors"),
    "an empty name": (file({"": entry()}, bytes(8)), "bad_name"),
    "a name of 257 letters": (file({"a" * 257: entry()}, bytes(8)), "bad_name"),
    "a NUL in a name": (file({"a\0": entry()}, bytes(8)), "bad_name"),
    "an escape in a name": (file({"\x1b[2J": entry()}, bytes(8)), "bad_name"),
    "a C1 control in a name": (file({"a\x9b": entry()}, bytes(8)), "bad_name"),
    "a change of direction in a name": (file({"a\u202eb": entry()}, bytes(8)), "bad_name"),
    "a line separator in a name": (file({"a\u2028b": entry()}, bytes(8)), "bad_name"),
    "half a surrogate in a name": (file({"\ud800": entry()}, bytes(8)), "bad_name"),
    "a tensor that is null": (file({"a": None}), "bad_entry"),
    "a tensor that is a list": (file({"a": ["F32", [2], [0, 8]]}, bytes(8)), "bad_entry"),
    "a tensor without a shape": (file({"a": {"dtype": "F32", "data_offsets": [0, 8]}}, bytes(8)), "bad_entry"),
    "a tensor with a word too many": (one(extra=1), "bad_entry"),
    "an unknown dtype": (one(dtype="F31"), "unknown_dtype"),
    "a dtype in small letters": (one(dtype="f32"), "unknown_dtype"),
    "a complex dtype": (one(dtype="C64", shape=[1]), "unknown_dtype"),
    "an 8-bit float": (one(dtype="F8_E4M3", shape=[8]), "unknown_dtype"),
    "a dtype that is a number": (one(dtype=32), "unknown_dtype"),
    "a dtype that is a list": (one(dtype=["F32"]), "unknown_dtype"),
    "a shape that is a number": (one(shape=2), "bad_shape"),
    "a shape that is null": (one(shape=None), "bad_shape"),
    "a negative dimension": (one(shape=[-2]), "bad_shape"),
    "two negative dimensions": (one(shape=[-1, -2]), "bad_shape"),
    "minus zero as a dimension": (file(b'{"a":{"dtype":"F32","shape":[-0],"data_offsets":[0,0]}}'), "bad_shape"),
    "a dimension that is a float": (one(shape=[2.0]), "bad_shape"),
    "a dimension with an exponent": (
        file(b'{"a":{"dtype":"F32","shape":[2e0],"data_offsets":[0,8]}}', bytes(8)),
        "bad_shape",
    ),
    "a dimension that is true": (one(bytes(4), shape=[True], offsets=[0, 4]), "bad_shape"),
    "a dimension that is a text": (one(shape=["2"]), "bad_shape"),
    "a dimension of a thousand digits": (
        file(b'{"a":{"dtype":"F32","shape":[1%b],"data_offsets":[0,8]}}' % (b"0" * 5_000), bytes(8)),
        "bad_shape",
    ),
    "65 dimensions": (one(bytes(4), shape=[1] * 65, offsets=[0, 4]), "bad_shape"),
    "a product that wraps to two": (one(shape=[2**63 + 1, 2]), "bad_shape"),
    "a product that wraps to nothing": (one(b"", shape=[2**32, 2**32], offsets=[0, 0]), "bad_shape"),
    "a size in bytes that wraps": (one(shape=[2**62 + 2], offsets=[0, 8]), "bad_shape"),
    "an empty tensor of endless rows": (one(b"", shape=[2**63, 2, 0], offsets=[0, 0]), "bad_shape"),
    "offsets that are a number": (one(offsets=8), "bad_offsets"),
    "one offset": (one(offsets=[8]), "bad_offsets"),
    "three offsets": (one(offsets=[0, 4, 8]), "bad_offsets"),
    "an offset that is a float": (one(offsets=[0, 8.0]), "bad_offsets"),
    "an offset that is false": (one(offsets=[False, 8]), "bad_offsets"),
    "a negative offset": (one(offsets=[-8, 0]), "bad_offsets"),
    "an offset of 2**64": (one(offsets=[0, 2**64]), "offsets_beyond_file"),
    "offsets in reverse": (one(offsets=[8, 0]), "bad_offsets"),
    "a tensor one byte behind the end": (one(bytes(7)), "offsets_beyond_file"),
    "a tensor far behind the end": (one(offsets=[2**50, 2**50 + 8]), "offsets_beyond_file"),
    "a place smaller than the shape": (one(shape=[3]), "size_differs"),
    "a place larger than the shape": (one(shape=[1]), "size_differs"),
    "a place for nothing": (one(b"", offsets=[0, 0]), "size_differs"),
    "a scalar of eight bytes": (one(shape=[]), "size_differs"),
    "two tensors in one place": (two((0, 4), (0, 4), 4), "tensors_overlap"),
    "two tensors that share a byte": (two((0, 4), (3, 8), 8), "tensors_overlap"),
    "a tensor inside another": (two((0, 8), (2, 4), 8), "tensors_overlap"),
    "an empty tensor inside another": (two((0, 8), (2, 2), 8), "tensors_overlap"),
    "a gap before the first": (two((1, 4), (4, 8), 8), "tensors_apart"),
    "a gap between two": (two((0, 4), (5, 8), 8), "tensors_apart"),
    "an empty tensor in a gap": (two((0, 4), (6, 6), 8), "tensors_apart"),
    "a byte behind the last": (two((0, 4), (4, 8), 9), "trailing_bytes"),
    "data without tensors": (file({}, b"x"), "trailing_bytes"),
}

# Sound headers, but what they hold is refused: what it is → (the file, the code, the tensor, the index).
VALUES: dict[str, tuple[bytes, str, str, int]] = {
    "a NaN": (one(bytes(4) + NAN_F32), "not_finite", "a", 1),
    "a quiet NaN with a sign": (one(b"\xff\xff\xff\xff" + bytes(4)), "not_finite", "a", 0),
    "an infinity": (one(INF_F64, dtype="F64", shape=[1]), "not_finite", "a", 0),
    "a NaN in half precision": (one(bytes(4) + NAN_F16 + bytes(2), dtype="F16", shape=[2, 2]), "not_finite", "a", 2),
    "an infinity in bfloat16": (one(bytes(6) + INF_BF16, dtype="BF16", shape=[4, 1]), "not_finite", "a", 3),
    "a scalar NaN": (one(NAN_F32, shape=[], offsets=[0, 4]), "not_finite", "a", 0),
    "a truth value of two": (one(b"\0\1\0\2\0\0\0\0", dtype="BOOL", shape=[8]), "not_boolean", "a", 3),
}
