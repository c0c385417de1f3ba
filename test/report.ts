/** What is needed of vitest's JSON report. */
export interface Report {
  readonly testResults: readonly {
    readonly name: string
    /** `failed` for a file that could not be loaded, even without a test in it. */
    readonly status: string
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[]
  }[]
}

export interface TestCounts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly skippedNames: readonly string[]
}

/** Counts a report's tests; a file that failed without a failing test counts as one failure. */
export function countTests(report: Report): TestCounts {
  const all = report.testResults.flatMap((file) => file.assertionResults)
  const skipped = all.filter(({ status }) => status !== 'passed' && status !== 'failed')
  const brokenFiles = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some(({ status }) => status === 'failed'),
  )
  return {
    passed: all.filter(({ status }) => status === 'passed').length,
    failed: all.filter(({ status }) => status === 'failed').length + brokenFiles.length,
    skipped: skipped.length,
    skippedNames: skipped.map(({ fullName }) => fullName),
  }
}
