/**
 * `npm run bench -- [w1|w2]… [--records N] [--pairs N] [--apache] [--cpu-prof DIR]`: workloads against their limit, in pairs in the same
 * minute. JSON lines on stdout, progress on stderr. Exits with 1 when a result is wrong or a goal is missed.
 */
import { parseArgs } from 'node:util'
import { commitName, machineName } from '../machine.ts'
import { runWorkload } from './pairs.ts'
import { prepareScene } from './scene.ts'
import { WORKLOADS } from './workloads.ts'

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
  const shared = { machine: machineName(), commit: commitName(), broker: values.apache ? 'apache' : 'embedded' }
  for (const workload of chosen) {
    const profile = values['cpu-prof']
    const result = await runWorkload(workload, scene, {
      pairs: Number(values.pairs),
      ...(profile === undefined ? {} : { cpuProfileDirectory: profile }),
      onPair: (line) => console.log(JSON.stringify({ ...shared, ...line })),
    })
    console.log(JSON.stringify({ ...shared, ...result }))
    if (!result.exact || result.limitRatio < workload.goal) missed++
  }
} finally {
  await scene.close()
}
process.exitCode = missed === 0 ? 0 : 1
