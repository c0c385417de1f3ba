#!/usr/bin/env node
import './startup.ts'

const { runCli } = await import('./cli.ts')
await runCli(process.argv)
