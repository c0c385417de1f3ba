import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  Scalar,
  type YAMLError,
} from 'yaml'
import { type HeadraceError, type Place, type Problem, problemOf } from '../errors/index.ts'
import type { ConfigPath } from './check-value.ts'
import { ConfigTooLargeError, DuplicateError, YamlSyntaxError } from './errors.ts'

/** Bytes of a configuration file; the largest hand-written ones have a tenth of it. */
const MAX_CONFIG_BYTES = 1024 * 1024
/** Bounds what aliases of aliases can grow to. */
const MAX_NODES = 100_000
const MAX_DEPTH = 64

/** A YAML file as plain values, and where each of them stands. */
export interface YamlFile {
  readonly value: unknown
  readonly problems: readonly Problem[]
  /** Where a value's text begins: for a block scalar its first line, inside the quotes of a quoted one. */
  valuePlace(path: ConfigPath): Place
  /** Where the key (or list entry) stands that the path ends in. */
  keyPlace(path: ConfigPath): Place
}

/** Reads YAML (or JSON) without ever throwing. The value is null where the text is no YAML at all. */
export function readYaml(text: string, file: string): YamlFile {
  const bytes = Buffer.byteLength(text)
  if (bytes > MAX_CONFIG_BYTES) return failed(new ConfigTooLargeError({ bytes, limit: MAX_CONFIG_BYTES }), file)
  try {
    const reader = new YamlReader(text, file)
    return {
      ...reader.read(),
      valuePlace: (path) => reader.valuePlace(path),
      keyPlace: (path) => reader.keyPlace(path),
    }
  } catch (error) {
    // The YAML parser recurses; nesting as deep as this is an accident or an attack.
    if (error instanceof RangeError) return failed(new YamlSyntaxError({ detail: 'it is nested too deeply' }), file)
    throw error
  }
}

function failed(error: HeadraceError, file: string): YamlFile {
  const start: Place = { file, line: 1, column: 1 }
  const problem = { ...problemOf(error), place: start }
  return { value: null, problems: [problem], valuePlace: () => start, keyPlace: () => start }
}

class YamlReader {
  readonly #text: string
  readonly #file: string
  readonly #lines = new LineCounter()
  readonly #document: Document
  readonly #problems: Problem[] = []
  #nodesLeft = MAX_NODES

  constructor(text: string, file: string) {
    this.#text = text
    this.#file = file
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false, uniqueKeys: false })
  }

  read(): Pick<YamlFile, 'value' | 'problems'> {
    const [first] = [...this.#document.errors, ...this.#document.warnings].toSorted((a, b) => a.pos[0] - b.pos[0])
    // Only the first: those after it mostly follow from it.
    if (first !== undefined) this.#syntax(this.#detail(first), this.#place(first.pos[0]))
    // What a broken text was repaired into is a guess: reporting on it would only mislead.
    const value = this.#problems.length > 0 ? null : this.#value(this.#document.contents, 0)
    return { value, problems: this.#problems }
  }

  valuePlace(path: ConfigPath): Place {
    const { node } = this.#find(path)
    return isScalar(node) ? this.#textPlace(node) : this.#place(node?.range?.[0] ?? 0)
  }

  keyPlace(path: ConfigPath): Place {
    const { key, node } = this.#find(path)
    return this.#place((key ?? node)?.range?.[0] ?? 0)
  }

  #value(given: unknown, depth: number): unknown {
    const node = isAlias(given) ? given.resolve(this.#document) : given
    const at = this.#place((given as Node | null)?.range?.[0] ?? 0)
    if (node === undefined && given !== undefined) return this.#syntax('the alias has no anchor before it', at)
    if (depth > MAX_DEPTH || this.#nodesLeft-- <= 0) {
      // Said once: with the allowance used up, everything else would complain too.
      return this.#nodesLeft < -1 ? null : this.#syntax('it is nested too deeply, or aliases make it too large', at)
    }
    if (isScalar(node)) return node.value
    if (isSeq(node)) return node.items.map((item) => this.#value(item, depth + 1))
    if (!isMap(node)) return null
    const mapping: Record<string, unknown> = {}
    for (const { key, value } of node.items) this.#addPair(mapping, key, value, depth)
    return mapping
  }

  #addPair(mapping: Record<string, unknown>, key: unknown, value: unknown, depth: number): void {
    const place = this.#place((key as Node | null)?.range?.[0] ?? 0)
    if (!isScalar(key)) {
      this.#syntax('a key must be plain text', place)
      return
    }
    const name = String(key.value)
    if (Object.hasOwn(mapping, name)) {
      const hint = 'Keep one of them.'
      this.#report(new DuplicateError({ name, what: 'key', hint }), place)
      return
    }
    const read = this.#value(value, depth + 1)
    Object.defineProperty(mapping, name, { value: read, enumerable: true, writable: true, configurable: true })
  }

  #detail({ message, pos: [start] }: YAMLError): string {
    if (this.#text.slice(start - 1, start + 1) === '${')
      return `inside { } and [ ], a text with "\${" needs quotes around it`
    return message.charAt(0).toLowerCase() + message.slice(1)
  }

  #syntax(detail: string, place: Place): null {
    this.#report(new YamlSyntaxError({ detail }), place)
    return null
  }

  #report(error: HeadraceError, place: Place): void {
    this.#problems.push({ ...problemOf(error), place })
  }

  /** The node at a path, or the nearest one above it; `key` is the last key on the way, if that was a mapping's. */
  #find(path: ConfigPath): { node: Node | null; key: Node | undefined } {
    let node = this.#document.contents as Node | null
    let key: Node | undefined
    for (const step of path) {
      const parent = isAlias(node) ? node.resolve(this.#document) : node
      if (isMap(parent)) {
        const pair = parent.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step))
        if (pair === undefined) break
        key = pair.key as Node
        node = (pair.value as Node | null) ?? key
      } else if (isSeq(parent) && parent.items[Number(step)] !== undefined) {
        key = undefined
        node = parent.items[Number(step)] as Node
      } else break
    }
    return { node, key }
  }

  #textPlace(node: Scalar): Place {
    const start = node.range?.[0] ?? 0
    if (node.type === Scalar.QUOTE_DOUBLE || node.type === Scalar.QUOTE_SINGLE) return this.#place(start + 1)
    if (node.type !== Scalar.BLOCK_LITERAL && node.type !== Scalar.BLOCK_FOLDED) return this.#place(start)
    const header = this.#place(start)
    const lines = this.#text.slice(start, node.range?.[1]).split('\n').slice(1)
    const indentOf = (line: string | undefined) => line?.search(/\S/) ?? 0
    const written = indentOf(lines.find((line) => line.trim() !== ''))
    const kept = indentOf(
      String(node.value)
        .split('\n')
        .find((line) => line.trim() !== ''),
    )
    // An empty block has no line of its own to point at.
    if (lines.every((line) => line.trim() === '')) return header
    const column = Math.min(written - kept, lines[0]?.length ?? 0) + 1
    return { file: this.#file, line: (header.line as number) + 1, column: Math.max(1, column) }
  }

  #place(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset)
    return { file: this.#file, line: Math.max(1, line), column: Math.max(1, col) }
  }
}
