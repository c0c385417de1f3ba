import protobuf from 'protobufjs'

/** A .proto file, and what it imports. */
export interface ProtoFile {
  /** Its messages in their order, nested ones within. */
  readonly messages: readonly protobuf.Type[]
}

/** What Confluent's own schemas import, and every producer of theirs has built in. */
const BUILT_IN: Readonly<Record<string, string>> = {
  'confluent/type/decimal.proto': `syntax = "proto3"; package confluent.type;
    message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }`,
  // Options of fields alone, which change no value.
  'confluent/meta.proto': 'syntax = "proto3"; package confluent;',
}

/** Reads a .proto file; `imported` has the texts of what it imports by their paths. Throws what is wrong with it. */
export function parseProto(text: string, imported: ReadonlyMap<string, string>): ProtoFile {
  const root = new protobuf.Root()
  const { package: name, imports = [] } = protobuf.parse(text, root, { keepCase: true })
  // Now, as long as the file's package holds nothing of what it imports.
  const messages = messagesOf(name === undefined ? root : root.lookup(name))
  const seen = new Set<string>()
  const pending = [...imports]
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    if (seen.has(path)) continue
    seen.add(path)
    pending.push(...addImport(root, path, imported))
  }
  root.resolveAll()
  return { messages }
}

function addImport(root: protobuf.Root, path: string, imported: ReadonlyMap<string, string>): readonly string[] {
  const text = imported.get(path) ?? BUILT_IN[path]
  if (text !== undefined) return protobuf.parse(text, root, { keepCase: true }).imports ?? []
  const common = protobuf.common.get(path)
  if (common?.nested == null) throw new Error(`it imports ${path}, which nobody has given`)
  root.addJSON(common.nested)
  return []
}

export function messagesOf(holder: protobuf.ReflectionObject | null): protobuf.Type[] {
  if (!(holder instanceof protobuf.Namespace)) return []
  return holder.nestedArray.filter((one) => one instanceof protobuf.Type)
}

/** The message at a path of numbers: the second one nested in the first is [0, 1]. */
export function messageAt({ messages }: ProtoFile, path: readonly number[]): protobuf.Type {
  let among = messages
  let found: protobuf.Type | undefined
  for (const index of path) {
    found = among[index]
    among = messagesOf(found ?? null)
  }
  if (found === undefined) throw new Error(`its file has no message [${path.join(', ')}]`)
  return found
}
