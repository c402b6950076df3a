/**
 * The one file a session is loaded from: a SavedModel with a graph and nothing else. Only what is needed of
 * TensorFlow's messages stands here (facts: tensorflow/core/framework/*.proto and core/protobuf/{meta_graph,saved_model}.proto).
 */
import protobuf from "protobufjs";
import type { GraphNode } from "./graph.ts";

/** The tag that the session is loaded by. */
export const graphTag = "step";

const producer = 1087; // version of GraphDef's meaning that the nodes were written for

const messages = `syntax = "proto3"; package tensorflow;
message Dim { int64 size = 1; }
message TensorShapeProto { repeated Dim dim = 2; }
message TensorProto { int32 dtype = 1; TensorShapeProto tensor_shape = 2; bytes tensor_content = 4; }
message ListValue { repeated bytes s = 2; repeated int64 i = 3; repeated float f = 4; repeated bool b = 5; repeated int32 type = 6; }
message AttrValue { oneof value { bytes s = 2; int64 i = 3; float f = 4; bool b = 5; int32 type = 6; TensorShapeProto shape = 7; TensorProto tensor = 8; ListValue list = 1; } }
message NodeDef { string name = 1; string op = 2; repeated string input = 3; string device = 4; map<string, AttrValue> attr = 5; }
message VersionDef { int32 producer = 1; }
message GraphDef { repeated NodeDef node = 1; VersionDef versions = 4; }
message MetaInfoDef { repeated string tags = 4; }
message MetaGraphDef { MetaInfoDef meta_info_def = 1; GraphDef graph_def = 2; }
message SavedModel { int64 saved_model_schema_version = 1; repeated MetaGraphDef meta_graphs = 2; }`;

/** The bytes of saved_model.pb. */
export function encodeSavedModel(nodes: readonly GraphNode[]): Uint8Array {
  const type = protobuf.parse(messages, { keepCase: true }).root.lookupType("tensorflow.SavedModel");
  const graph = { node: nodes, versions: { producer } };
  return type
    .encode(type.fromObject({ saved_model_schema_version: 1, meta_graphs: [{ meta_info_def: { tags: [graphTag] }, graph_def: graph }] }))
    .finish();
}
