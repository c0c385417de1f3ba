import { writeFileSync } from 'node:fs'
import { registerHooks } from 'node:module'

// Loaded before a program (`node --import`): writes the address of every module that it loads to the file that LOADED_MODULES names.

const loaded: string[] = []
registerHooks({
  load(url, context, nextLoad) {
    loaded.push(url)
    return nextLoad(url, context)
  },
})
process.on('exit', () => writeFileSync(process.env.LOADED_MODULES as string, loaded.join('\n')))
