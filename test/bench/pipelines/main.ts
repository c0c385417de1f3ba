/**
 * `npm run bench -- [w1|w2]… [--records N] [--pairs N] [--apache] [--cpu-prof DIR]`: workloads against their limit, in pairs in the same
 * minute; `--apache`: from Apache Kafka as well as from the embedded broker. JSON lines on stdout, progress on stderr. Exits with 1 when a result is wrong or a goal is missed.
 */
import { parseArgs } from 'node:util'
import { commitName, machineName } from '../machine.ts'
import { runWorkload } from './pairs.ts'
import { prepareScene } from './scene.ts'
import { WORKLOADS } from './workloads.ts'

/** No slower than from the embedded broker, but for what two medians of five differ by on a machine that has other work. */
const AS_FAST_AS_EMBEDDED = 0.95

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    records: { type: 'string', default: '5000000' },
    pairs: { type: 'string', default: '5' },
    'cpu-prof': { type: 'string' },
    apache: { type: 'boolean', default: false },
  },
})
const chosen =
  positionals.length === 0 ? WORKLOADS : WORKLOADS.filter((workload) => positionals.includes(workload.name))
const scene = await prepareScene(Number(values.records), values.apache)
let missed = 0
try {
  const shared = { machine: machineName(), commit: commitName() }
  for (const workload of chosen) {
    const profile = values['cpu-prof']
    const results = await runWorkload(workload, scene, {
      pairs: Number(values.pairs),
      ...(profile === undefined ? {} : { cpuProfileDirectory: profile }),
      onPair: (line) => console.log(JSON.stringify({ ...shared, ...line })),
    })
    for (const result of results) {
      console.log(JSON.stringify({ ...shared, ...result }))
      if (!result.exact || result.limitRatio < workload.goal) missed++
    }
    const [embedded, apache] = results
    if (embedded === undefined || apache === undefined) continue
    const value = Math.round((apache.limitRatio / embedded.limitRatio) * 1000) / 1000
    const reached = value >= AS_FAST_AS_EMBEDDED
    if (!reached) missed++
    const measure = 'limitRatio with apache, by that with embedded'
    console.log(
      JSON.stringify({ ...shared, bench: workload.name, measure, value, atLeast: AS_FAST_AS_EMBEDDED, reached }),
    )
  }
} finally {
  await scene.close()
}
process.exitCode = missed === 0 ? 0 : 1
