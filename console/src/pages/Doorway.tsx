/** The frame of the pages before login. */
import type { ReactNode } from 'react'

import { Logo } from '../components/Logo'

export function Doorway({ title, children }: { title: string; children: ReactNode }) {
  return (
    <main className="doorway">
      <div className="doorway-brand">
        <Logo />
        <span>Tagwerk edge</span>
      </div>
      <section className="panel" aria-labelledby="doorway-title">
        <div className="body form">
          <h1 id="doorway-title">{title}</h1>
          {children}
        </div>
      </section>
    </main>
  )
}
