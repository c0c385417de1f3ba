import { mkdir, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { BrokerProcess } from '../support/broker-process.ts'
import { HeadraceProcess, headrace } from '../support/headrace-process.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const folder = temporaryFolder('headrace-kafka-restart-')

test('consume and produce go on when the broker was away for a while: nothing lost, nothing twice', async () => {
  const first = await BrokerProcess.start(`${folder()}/broker`)
  const { port } = first
  const options = { cwd: folder(), env: { HEADRACE_BOOTSTRAP: first.address } }
  await headrace(['topics', 'create', 'steady', '--partitions', '1'], options)
  const reading = new HeadraceProcess(['consume', 'steady', '--count', '4'], options)
  const writing = new HeadraceProcess(['produce', 'steady', '--json'], options)
  writing.child.stdin.write('one\ntwo\n')
  await reading.line(/^two$/m)
  await first.kill()
  writing.child.stdin.write('three\n')
  const second = await BrokerProcess.start(`${folder()}/broker`, { port })
  writing.child.stdin.end('four\n')
  const [written, read] = await Promise.all([writing.ended(), reading.ended()])
  await second.stop()
  expect(written.code, written.stderr).toBe(0)
  expect(JSON.parse(written.stdout)).toMatchObject({ records: 4 })
  expect([read.code, read.stdout]).toEqual([0, 'one\ntwo\nthree\nfour\n'])
})

test('a pipeline in a group reads on in place', async () => {
  const home = `${folder()}/in-place`
  await mkdir(home)
  const first = await BrokerProcess.start(`${home}/broker`)
  const options = { cwd: home, env: { HEADRACE_BOOTSTRAP: first.address } }
  await headrace(['topics', 'create', 'steady', '--partitions', '2'], options)
  await writeFile(`${home}/headrace.yaml`, `connections:\n  kafka: { kafka: { bootstrap: "${first.address}" } }\n`)
  await writeFile(
    `${home}/show.yaml`,
    `name: show
source:
  kafka: { topic: steady, group: g, sessionTimeout: 20 seconds }
  decode: { json: { columns: { n: integer } } }
steps:
  - filter: n > 0
sinks:
  - console: { format: ndjson }
trigger: { interval: 10 ms }
`,
  )
  const produce = (n: number) => headrace(['produce', 'steady'], { ...options, input: `{"n":${n}}\n` })
  const pipeline = new HeadraceProcess(['run', 'show.yaml'], options)
  await pipeline.errorLine(/gives this process steady\/0, steady\/1/)
  await produce(1)
  await pipeline.line(/"n":1\b/)
  await first.kill()
  await pipeline.errorLine(/steady\/\d must wait|2 partitions must wait/)
  const second = await BrokerProcess.start(`${home}/broker`, { port: first.port })
  await pipeline.errorLine(/(steady\/\d|2 partitions): read on, from/)
  await produce(2)
  await pipeline.line(/"n":2\b/)
  const { code, stdout, stderr } = await pipeline.stop()
  await second.stop()
  expect(code, stderr).toBe(0)
  expect(stdout.match(/"n":\d+/g)).toEqual(['"n":1', '"n":2'])
  // Neither made anew by the engine, nor handed out again.
  expect(stderr).not.toMatch(/works again/)
  expect(stderr.match(/gives this process/g)).toHaveLength(1)
})
