/** One item of the configuration as it stands there, for those who may not change it. */
import { useId } from 'react'
import { stringify } from 'yaml'

export function SettingsAsText({ name, settings }: { name: string; settings: unknown }) {
  const id = useId()
  return (
    <section className="panel" aria-labelledby={id}>
      <header>
        <h2 id={id}>Settings</h2>
      </header>
      <div className="body">
        {/* A region that scrolls must be reachable by keyboard. */}
        {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
        <pre className="example" tabIndex={0} role="region" aria-label={`Settings of ${name}`}>
          {stringify(settings)}
        </pre>
      </div>
    </section>
  )
}
