/** Templates: those of the library, those in use, who uses them, and the way into the configuration. */
import { useSuspenseQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'react-router'

import { configQuery, queryClient, templatesQuery } from '../../api/queries'
import type { ApplyResult, LibraryTemplate, UsedTemplate } from '../../api/types'
import { PageHead } from '../../components/PageHead'
import { ConfigTabs } from '../../components/Tabs'
import { ReviewChanges } from '../../forms/ReviewChanges'
import { useMe } from '../../hooks/useMe'
import { useTitle } from '../../hooks/useTitle'
import { emptyDocument, withTemplate } from '../../lib/document'
import { plural } from '../../lib/numbers'
import { whyNot } from '../../lib/roles'
import { paths } from '../../paths'
import { Button } from '../../ui/Button'
import { Mark } from '../../ui/Mark'
import { Notice } from '../../ui/Notice'
import { Prose } from '../../ui/Prose'

export function TemplatesPage() {
  useTitle('Templates')
  const me = useMe()
  const { library, used } = useSuspenseQuery(templatesQuery).data
  const running = useSuspenseQuery(configQuery).data
  const [adding, setAdding] = useState<LibraryTemplate | undefined>()
  const [applied, setApplied] = useState<ApplyResult | undefined>()
  const cannot = whyNot(me.role, 'engineer', 'Changing the configuration')
  return (
    <div className="page">
      <PageHead title="Templates" lead="A kind of device, described once and used many times. A change to a template changes every device made from it, after a review that names them." />
      <ConfigTabs />
      <div role="status">
        {applied !== undefined && <Notice tone="good" title={`Revision ${applied.revision} is running`} />}
      </div>
      <section className="panel" aria-labelledby="used">
        <header>
          <h2 id="used">In this configuration</h2>
          <span className="muted small">{plural(used.length, 'template')}</span>
        </header>
        {used.length === 0 ? (
          <p className="body">
            None yet. Add one from the library below, or write one under <code>templates:</code> in the configuration.
          </p>
        ) : (
          <ul className="template-list">
            {used.map((each) => (
              <Used key={each.name} template={each} library={library.find((one) => one.name === each.name)} cannot={cannot} onUpdate={setAdding} />
            ))}
          </ul>
        )}
      </section>
      <section className="panel" aria-labelledby="library">
        <header>
          <h2 id="library">Library</h2>
          <span className="muted small">comes with the edge</span>
        </header>
        {library.length === 0 ? (
          <p className="body">This edge comes without a library.</p>
        ) : (
          <ul className="template-list">
            {library.map((each) => (
              <Library key={each.name} template={each} inUse={used.some((one) => one.name === each.name)} cannot={cannot} onAdd={setAdding} />
            ))}
          </ul>
        )}
      </section>
      {adding !== undefined && (
        <ReviewChanges
          draft={{ base: running?.revision ?? 0, text: withTemplate(running?.text ?? emptyDocument(me.edge), adding.document) }}
          running={running}
          comment={`Template ${adding.name}, version ${adding.version}`}
          onClose={() => setAdding(undefined)}
          onDiscard={() => setAdding(undefined)}
          onRebase={() => {}}
          onApplied={async (result) => {
            setApplied(result)
            setAdding(undefined)
            await queryClient.invalidateQueries({ predicate: (query) => query.queryKey[0] !== 'diff' })
          }}
        />
      )}
    </div>
  )
}

interface UsedProps {
  template: UsedTemplate
  library: LibraryTemplate | undefined
  cannot: string | undefined
  onUpdate: (template: LibraryTemplate) => void
}

function Used({ template, library, cannot, onUpdate }: UsedProps) {
  const newer = library !== undefined && template.library_version !== null && template.library_version !== template.version
  return (
    <li>
      <div className="template-head">
        <h3>{template.name}</h3>
        <span className="muted small">
          {template.version !== null && `version ${template.version}, `}
          {template.driver}
        </span>
        {newer && (
          <Mark tone="warn" icon="info">
            the library has version {template.library_version}
          </Mark>
        )}
      </div>
      <p>
        {template.devices.length === 0
          ? 'No device is made from it yet.'
          : `${plural(template.devices.length, 'device')}: `}
        {template.devices.map((device, index) => (
          <span key={device}>
            {index > 0 && ', '}
            <Link to={paths.device(device)}>{device}</Link>
          </span>
        ))}
      </p>
      <div className="buttons">
        <Link className="button" to={paths.addFromTemplate(template.name)}>
          Add a device from it<span className="visually-hidden"> {template.name}</span>
        </Link>
        {newer && (
          <Button onClick={() => onUpdate(library)} whyNot={cannot}>
            Review version {library.version}
            <span className="visually-hidden"> of {template.name}</span>
          </Button>
        )}
      </div>
    </li>
  )
}

interface LibraryProps {
  template: LibraryTemplate
  inUse: boolean
  cannot: string | undefined
  onAdd: (template: LibraryTemplate) => void
}

function Library({ template, inUse, cannot, onAdd }: LibraryProps) {
  return (
    <li>
      <div className="template-head">
        <h3>{template.name}</h3>
        <span className="muted small">
          version {template.version}, {template.driver}, {plural(template.tags, 'tag')}
        </span>
        {inUse && (
          <Mark tone="good" icon="check">
            in this configuration
          </Mark>
        )}
      </div>
      <p>
        <Prose text={template.summary} />
      </p>
      <details>
        <summary>
          {plural(template.parameters.length, 'parameter')}, and the text<span className="visually-hidden"> of {template.name}</span>
        </summary>
        <dl className="settings-list">
          {template.parameters.map((parameter) => (
            <div key={parameter.name}>
              <dt>
                <code>{parameter.name}</code>
                <span className="muted small">
                  {parameter.type}
                  {parameter.required ? ', required' : `, default ${String(parameter.default)}`}
                </span>
              </dt>
              <dd>{parameter.description !== null && <Prose text={parameter.description} />}</dd>
            </div>
          ))}
        </dl>
        {/* A region that scrolls must be reachable by keyboard. */}
        {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
        <pre className="example" tabIndex={0} role="region" aria-label={`Text of ${template.name}`}>
          {template.document}
        </pre>
      </details>
      <div className="buttons">
        <Link className="button" to={paths.addFromTemplate(template.name)}>
          Add a device from it<span className="visually-hidden"> {template.name} of the library</span>
        </Link>
        {!inUse && (
          <Button icon="plus" onClick={() => onAdd(template)} whyNot={cannot}>
            Add to the configuration<span className="visually-hidden"> {template.name}</span>
          </Button>
        )}
      </div>
    </li>
  )
}
