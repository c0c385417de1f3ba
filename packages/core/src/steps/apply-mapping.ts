import type { ApplyMappingStep } from '../config/pipeline-config.ts'
import { quoteIdentifier } from '../duckdb/index.ts'
import type { CompiledStep, Origin } from './compiled-step.ts'
import { glueType } from './glue-type.ts'

type Mapping = ApplyMappingStep['mappings'][number]

/** A target column, or a struct of them where targets have dots. */
type Target = { readonly sql: string } | Map<string, Target>

/**
 * Glue's applyMapping: columns are renamed and cast, and what is not mapped is dropped. Dots in a source go into structs,
 * dots in a target make them; back-ticks keep a dotted name together. A value that cannot be cast becomes NULL, as in Glue.
 * Types must have been checked with `glueType`.
 */
export function compileApplyMapping(step: ApplyMappingStep): CompiledStep {
  const targets = new Map<string, Target>()
  const firstOf = new Map<string, number>()
  for (const [i, mapping] of step.mappings.entries()) {
    const path = pathOf(mapping.target)
    place(targets, path, compileMapping(mapping))
    if (!firstOf.has(path[0] as string)) firstOf.set(path[0] as string, i)
  }
  const columns = [...targets].map(([name, target]) => `${targetSql(target)} AS ${quoteIdentifier(name)}`)
  const origins: Origin[] = [...targets.keys()].map((name, i) => ({
    firstLine: i + 2,
    path: ['applyMapping', firstOf.get(name) as number],
    generated: true,
  }))
  return { sql: `SELECT\n${columns.join(',\n')}\nFROM input`, origins, keepsMetadata: false }
}

function compileMapping({ source, type }: Mapping): string {
  const value = pathOf(source).map(quoteIdentifier).join('.')
  const to = type === undefined ? undefined : glueType(type)
  return to === undefined ? value : `TRY_CAST(${value} AS ${to})`
}

/** `a.b` → a, b; `` `a.b`.c `` → a.b, c. */
export function pathOf(name: string): string[] {
  const parts = name.match(/`[^`]*`|[^.`]+/g) ?? [name]
  return parts.map((part) => (part.startsWith('`') ? part.slice(1, -1) : part))
}

function place(targets: Map<string, Target>, [first = '', ...rest]: readonly string[], sql: string): void {
  if (rest.length === 0) {
    targets.set(first, { sql })
    return
  }
  const known = targets.get(first)
  const inner = known instanceof Map ? known : new Map<string, Target>()
  targets.set(first, inner)
  place(inner, rest, sql)
}

function targetSql(target: Target): string {
  if (!(target instanceof Map)) return target.sql
  const fields = [...target].map(([name, inner]) => `${quoteIdentifier(name)} := ${targetSql(inner)}`)
  return `struct_pack(${fields.join(', ')})`
}
