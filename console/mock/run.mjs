// Starts the mock edge. `npm run mock` serves the console's sources with hot reload; `npm run mock -- --dist`
// serves dist/ under the same policy as the real edge. Options: --port N, --scenario healthy|faults|empty|large|formulas,
// --ready (skip setup: log in as anna, max, lena or otto with the password `long enough`).
import { createServer } from 'vite'

const args = process.argv.slice(2)
const option = (name, otherwise) => {
  const at = args.indexOf(`--${name}`)
  return at < 0 ? otherwise : args[at + 1]
}
const dist = args.includes('--dist')
const vite = await createServer({
  server: { middlewareMode: true, hmr: dist ? false : undefined, ws: dist ? false : undefined, watch: dist ? null : undefined },
  appType: 'custom',
  logLevel: 'error',
  optimizeDeps: dist ? { noDiscovery: true } : undefined,
})
const { serve } = await vite.ssrLoadModule('/mock/server.ts')
serve({
  port: Number(option('port', '8080')),
  scenario: option('scenario', 'healthy'),
  ready: args.includes('--ready'),
  vite: dist ? undefined : vite,
})
