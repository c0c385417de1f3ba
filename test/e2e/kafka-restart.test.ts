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
