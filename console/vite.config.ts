import { writeFileSync } from 'node:fs'

import react from '@vitejs/plugin-react'
import { defineConfig, type Plugin } from 'vite'

// `npm run dev` against a running edge or `npm run mock`: the console itself holds no address.
const edge = process.env['TAGWERK_URL'] ?? 'http://127.0.0.1:8080'

/** The folder stays in the repository though what is built into it does not. */
const keepFolder: Plugin = {
  name: 'keep-folder',
  apply: 'build',
  closeBundle: () => writeFileSync('dist/.gitignore', '*\n!.gitignore\n'),
}

export default defineConfig({
  plugins: [react(), keepFolder],
  server: { proxy: { '/api': { target: edge, changeOrigin: false } } },
  build: {
    // Served under `default-src 'self'`: nothing may end up as a data: address.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: ['chrome111', 'firefox114', 'safari16.4'],
    emptyOutDir: true,
    chunkSizeWarningLimit: 600,
  },
})
