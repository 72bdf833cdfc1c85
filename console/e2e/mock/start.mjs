// A mock edge of the test's own, on a free port; browser.mjs takes its address from the environment.
import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const folder = join(dirname(fileURLToPath(import.meta.url)), '../..')

/** Serves dist/ under the real edge's content policy, with nobody set up yet. */
export async function startMock(...options) {
  const child = spawn(process.execPath, ['mock/run.mjs', '--dist', '--port', '0', ...options], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise((_, refuse) => child.once('exit', (code) => refuse(new Error(`the mock ended with ${code}`))))
  const first = new Promise((found) => createInterface({ input: child.stdout }).once('line', found))
  const setup = await Promise.race([first, ended])
  ended.catch(() => {})
  process.env.TAGWERK_URL = new URL('/', setup).href
  process.env.TAGWERK_SETUP_URL = setup
  return { stop: () => child.kill() }
}
