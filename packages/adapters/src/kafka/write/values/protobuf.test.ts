import { expect, it } from 'vitest'
import { protobufFormat } from './protobuf.ts'

it('a message of the columns, with those within it', () => {
  const { schema } = protobufFormat('shop.Trade', [
    { name: 'id', type: 'BIGINT' },
    { name: 'price', type: 'DECIMAL(9,2)' },
    { name: 'at', type: 'TIMESTAMP WITH TIME ZONE' },
    { name: 'line_items', type: 'STRUCT(sku VARCHAR, counts UTINYINT[])[]' },
    { name: 'Tag', type: 'STRUCT(x DOUBLE)' },
    { name: 'by_name', type: 'MAP(VARCHAR, FLOAT)' },
  ])
  expect(schema).toBe(`syntax = "proto3";
package shop;

import "google/protobuf/timestamp.proto";

message Trade {
  message LineItems {
    optional string sku = 1;
    repeated uint32 counts = 2;
  }
  message Tag_ {
    optional double x = 1;
  }
  optional int64 id = 1;
  optional string price = 2;
  google.protobuf.Timestamp at = 3;
  repeated LineItems line_items = 4;
  Tag_ Tag = 5;
  map<string, float> by_name = 6;
}
`)
})
