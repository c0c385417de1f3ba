import { afterEach, beforeEach, expect, it } from 'vitest'
import { TestSchemaRegistry } from '../testing/schema-registry.ts'
import { SchemaRegistry } from './client.ts'

let server: TestSchemaRegistry
beforeEach(async () => {
  server = await TestSchemaRegistry.start({ authorization: `Basic ${Buffer.from('ann:se:cret').toString('base64')}` })
})
afterEach(() => server.close())

const client = (settings: object = {}) =>
  new SchemaRegistry({ url: `${server.url}/`, username: 'ann', password: 'se:cret', ...settings })

it('asks once for a schema, with all that it refers to', async () => {
  server.add('base', 'message Base {}', 'PROTOBUF')
  const id = server.add('a/b', 'import "base.proto";', 'PROTOBUF', [
    { name: 'base.proto', subject: 'base', version: 1 },
  ])
  const registry = client()
  const found = await Promise.all([registry.schema(id), registry.schema(id)])
  expect(found[0]).toEqual({
    type: 'PROTOBUF',
    text: 'import "base.proto";',
    references: [{ name: 'base.proto', type: 'PROTOBUF', text: 'message Base {}', references: [] }],
  })
  expect(found[1]).toBe(found[0])
  expect(server.requests).toEqual(['GET /schemas/ids/2', 'GET /subjects/base/versions/1'])
})

it('registers once, and a schema that is not taken is an error of the user’s', async () => {
  const registry = client()
  expect(await registry.register('a/b', 'AVRO', '"string"')).toBe(1)
  expect(await registry.register('a/b', 'AVRO', '"string"')).toBe(1)
  expect(await registry.register('a/b', 'PROTOBUF', 'message A {}')).toBe(2)
  expect(server.requests).toEqual(['POST /subjects/a/b/versions', 'POST /subjects/a/b/versions'])
  expect(server.versions('a/b').map(({ schemaType }) => schemaType)).toEqual(['AVRO', 'PROTOBUF'])
  await expect(registry.register('a/b', 'AVRO', '"incompatible"')).rejects.toMatchObject({
    code: 'REGISTRY_SCHEMA_REFUSED',
    message: expect.stringContaining('incompatible with an earlier schema'),
  })
})

it('finds a schema that others registered, or says which one is wanted', async () => {
  const id = server.add('a/b', 'message A {}', 'PROTOBUF')
  const registry = client()
  expect(await registry.find('a/b', 'PROTOBUF', 'message A {}')).toBe(id)
  expect(await registry.find('a/b', 'PROTOBUF', 'message A {}')).toBe(id)
  expect(server.requests).toEqual(['POST /subjects/a/b'])
  for (const subject of ['a/b', 'c']) {
    await expect(registry.find(subject, 'PROTOBUF', 'message B {}')).rejects.toMatchObject({
      code: 'REGISTRY_SCHEMA_UNREGISTERED',
      message: expect.stringContaining(`under subject "${subject}"`),
      hint: expect.stringContaining('message B {}'),
    })
  }
})

it('tells what is missing from what is no registry', async () => {
  await expect(client().schema(7)).rejects.toMatchObject({ code: 'REGISTRY_SCHEMA_MISSING', retry: 'never' })
  await expect(client({ url: `${server.url}/elsewhere` }).schema(7)).rejects.toMatchObject({
    code: 'REGISTRY_UNEXPECTED_ANSWER',
    message: expect.stringContaining('404'),
  })
})

it('refused, down, and up again', async () => {
  await expect(client({ password: 'no' }).schema(1)).rejects.toMatchObject({ code: 'REGISTRY_AUTH_FAILED' })
  const registry = client()
  server.add('s', '"string"')
  server.failing = 503
  await expect(registry.schema(1)).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE', retry: 'backoff' })
  server.failing = undefined
  expect(await registry.schema(1)).toMatchObject({ text: '"string"' })
})

it('goes on to the next address', async () => {
  server.add('s', '"string"')
  const registry = client({ url: ['http://127.0.0.1:1', server.url] })
  expect(await registry.schema(1)).toMatchObject({ text: '"string"' })
  await expect(client({ url: ['http://127.0.0.1:1'] }).schema(1)).rejects.toMatchObject({
    code: 'REGISTRY_UNREACHABLE',
    message: expect.stringContaining('ECONNREFUSED'),
  })
})
