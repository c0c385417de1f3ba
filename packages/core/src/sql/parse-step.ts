import type { ApplyMappingStep, PipelineConfig, StepConfig } from '../config/pipeline-config.ts'
import type { Problem } from '../errors/index.ts'
import type { CompiledStep } from '../steps/compiled-step.ts'
import { glueType } from '../steps/glue-type.ts'
import { compileStep } from '../steps/index.ts'
import { type QueryNode, walk } from './ast.ts'
import { flinkToDuckdb, type PlainSql } from './dialect-flink.ts'
import { MappingInvalidError, SqlNotSelectError, SqlSyntaxError, SqlWindowUnsupportedError } from './errors.ts'
import { expressionQuery, type SqlParser, type SyntaxFailure } from './parser.ts'
import { StepProblems } from './step-problems.ts'

/** A step whose SQL has been read, but not yet checked or bound. */
export interface ParsedStep {
  readonly index: number
  readonly name: string
  readonly from: string
  readonly config: StepConfig
  readonly compiled: CompiledStep
  readonly plain: PlainSql
  /** Undefined where the text is no SELECT; the problems say why. */
  readonly node: QueryNode | undefined
  /** Every name that stands as a column in the SQL, in lower case. */
  readonly names: ReadonlySet<string>
}

export async function parseSteps(
  config: PipelineConfig,
  parser: SqlParser,
  problems: Problem[],
): Promise<ParsedStep[]> {
  const steps: ParsedStep[] = []
  for (const [index, step] of config.steps.entries()) {
    steps.push(await parseStep(step, new StepProblems(config, { index, name: step.name }, problems), index, parser))
  }
  return steps
}

async function parseStep(
  step: StepConfig,
  problems: StepProblems,
  index: number,
  parser: SqlParser,
): Promise<ParsedStep> {
  const compiled = compileStep(step)
  problems.within(compiled)
  const plain = flinkToDuckdb(compiled.sql)
  const node = (await checkFragments(step, problems, parser)) ? await parseSelect(plain, problems, parser) : undefined
  return { index, name: step.name, from: step.from, config: step, compiled, plain, node, names: columnNames(node) }
}

/** Conditions and columns stand inside other SQL: each must be one expression by itself. */
async function checkFragments(step: StepConfig, problems: StepProblems, parser: SqlParser): Promise<boolean> {
  const before = problems.count
  const check = async (text: string, path: readonly (string | number)[], alias: 'allowed' | 'refused') => {
    const parsed = await parser.parseExpression(flinkToDuckdb(text).sql, { alias })
    if ('expression' in parsed) return
    const { message, at } = parsed.failure
    const fragment = { sql: expressionQuery(text), origins: [{ firstLine: 2, path }], keepsMetadata: false }
    problems.within(fragment).add(SqlSyntaxError, { reason: message }, at ?? 'SELECT\n'.length)
  }
  if (step.kind === 'filter') await check(step.condition, ['filter'], 'refused')
  if (step.kind === 'select') {
    for (const [i, column] of step.columns.entries()) await check(column, ['select', i], 'allowed')
  }
  if (step.kind === 'applyMapping') checkTypes(step, problems)
  return problems.count === before
}

function checkTypes(step: ApplyMappingStep, problems: StepProblems): void {
  for (const [i, { type }] of step.mappings.entries()) {
    if (type === undefined || glueType(type) !== undefined) continue
    const instead =
      'Glue has string, byte, short, int, long, float, double, decimal(p,s), boolean, binary, date, timestamp, array<…>, map<…,…> and struct<name:…>.'
    problems.addAtPath(MappingInvalidError, { reason: `there is no type "${type}" in Glue`, instead }, [
      'applyMapping',
      i,
    ])
  }
}

async function parseSelect(plain: PlainSql, problems: StepProblems, parser: SqlParser): Promise<QueryNode | undefined> {
  const unsupported = plain.windows.filter(({ name }) => name !== 'tumble')
  for (const { name, start } of unsupported) {
    const at = Buffer.byteLength(plain.sql.slice(0, start))
    problems.add(SqlWindowUnsupportedError, { window: name.toUpperCase() }, at)
  }
  if (unsupported.length > 0) return undefined
  const parsed = await parser.parse(plain.sql)
  if ('node' in parsed) return parsed.node
  reportSyntax(parsed.failure, problems)
  return undefined
}

function reportSyntax({ kind, message, at }: SyntaxFailure, problems: StepProblems): void {
  if (kind === 'syntax') problems.add(SqlSyntaxError, { reason: message }, at ?? 0)
  else
    problems.add(SqlNotSelectError, { reason: kind === 'notSelect' ? 'this is another statement' : message }, at ?? 0)
}

function columnNames(node: QueryNode | undefined): Set<string> {
  const names = new Set<string>()
  walk(node, (object) => {
    if (Array.isArray(object.column_names))
      for (const name of object.column_names) names.add(String(name).toLowerCase())
    return true
  })
  return names
}
