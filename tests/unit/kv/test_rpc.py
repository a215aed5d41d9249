"""The generated module is the one that rpc.proto describes."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc

import esi
from esi.kv import rpc_pb2


def test_generated_module_matches_its_description(tmp_path: Path) -> None:
    source = Path(esi.__file__).parents[1]
    out = tmp_path / "descriptor"
    include = resources.files("grpc_tools") / "_proto"
    assert protoc.main(["", f"-I{source}", f"-I{include}", f"--descriptor_set_out={out}", "esi/kv/rpc.proto"]) == 0
    (fresh,) = FileDescriptorSet.FromString(out.read_bytes()).file
    committed = FileDescriptorProto()
    rpc_pb2.DESCRIPTOR.CopyToProto(committed)
    for field in (field for message in fresh.message_type for field in message.field):
        field.ClearField("json_name")  # protoc writes it out, the module leaves it to the rule
    assert committed == fresh
