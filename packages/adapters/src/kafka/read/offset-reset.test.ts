import { describe, expect, test } from 'vitest'
import { planReset, planTruncated } from './offset-reset.ts'

const code = (name: string) => expect.objectContaining({ code: name })

describe('an offset that is not there', () => {
  const gone = { partition: 't/0', offset: 12, first: 40, end: 90 }
  const beyond = { ...gone, offset: 95 }

  test('before the first record: an error that counts, or on from where the policy says', () => {
    expect(() => planReset('error', gone)).toThrow(
      expect.objectContaining({
        code: 'KAFKA_OFFSET_GONE',
        message:
          '28 records of t/0 are gone before being read: offset 12 is wanted, the partition holds 40 up to 90 (exclusive)',
      }),
    )
    expect(planReset('earliest', gone)).toMatchObject({ offset: 40, skipped: 28, reason: code('KAFKA_OFFSET_GONE') })
    expect(planReset('latest', gone)).toMatchObject({ offset: 90, skipped: 78 })
  })

  test('beyond the end: an error, or on from the end', () => {
    expect(() => planReset('error', beyond)).toThrow(code('KAFKA_OFFSET_OUT_OF_RANGE'))
    for (const policy of ['earliest', 'latest'] as const) {
      expect(planReset(policy, beyond)).toMatchObject({ offset: 90, skipped: 0 })
    }
  })
})

describe('a truncated log', () => {
  const position = { offset: 90, leaderEpoch: 4 }

  test('is one whose leader knows fewer records of the epoch, or does not know the epoch', () => {
    expect(planTruncated('error', 't/0', position, { offset: 90 })).toBeUndefined()
    expect(planTruncated('error', 't/0', position, { offset: 120 })).toBeUndefined()
    for (const offset of [87, -1]) {
      expect(() => planTruncated('error', 't/0', position, { offset })).toThrow(code('KAFKA_LOG_TRUNCATED'))
    }
  })

  test('goes on from where the logs part', () => {
    expect(planTruncated('earliest', 't/0', position, { offset: 87 })).toMatchObject({ offset: 87, skipped: 0 })
    expect(planTruncated('latest', 't/0', position, { offset: -1 })).toMatchObject({ offset: 0, skipped: 0 })
  })
})
