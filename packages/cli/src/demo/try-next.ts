import type { DemoPipeline } from './pipeline.ts'

/** Three commands that go on from where the demo has ended. */
export function tryNext(
  { config, file }: DemoPipeline,
  folder: string,
  env: Readonly<Record<string, string | undefined>>,
): string[] {
  // In a project that only has Headrace installed the command is found through npx.
  const headrace = env.npm_execpath === undefined ? 'headrace' : 'npx headrace'
  const sql = 'SELECT window_start, sum(orders) AS orders FROM trades_per_minute GROUP BY 1 ORDER BY 1'
  return [
    `${headrace} query "${sql}" --data ${folder}`,
    `${headrace} dlq show ${config.name} --limit 3 --data ${folder}`,
    `${headrace} explain ${file}`,
  ]
}
