/** The start: styles, queries, routes. */
import { QueryClientProvider } from '@tanstack/react-query'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { RouterProvider } from 'react-router/dom'

import './ui/tokens.css'
import './ui/base.css'
import './components/components.css'
import './components/commissioning.css'
import './components/history.css'
import './components/ledger.css'
import './components/alarms.css'
import './components/rules.css'
import './pages/pages.css'
import { onUnauthenticated, queryClient } from './api/queries'
import { paths } from './paths'
import { router } from './routes'

onUnauthenticated(() => {
  const { pathname, search } = window.location
  if (pathname === paths.login || pathname === paths.setup) return
  queryClient.clear()
  void router.navigate(`${paths.login}?next=${encodeURIComponent(pathname + search)}`, { replace: true })
})

const root = document.getElementById('root')
if (root === null) throw new Error('index.html has no #root')
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queryClient}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
)
