/** What kind of device it is: by its protocol, or by a template that somebody made for it. */
import { useQuery, useSuspenseQuery } from '@tanstack/react-query'
import { useState } from 'react'

import { componentsQuery, templatesQuery } from '../../api/queries'
import { plural } from '../../lib/numbers'
import { Icon } from '../../ui/Icon'
import { Prose } from '../../ui/Prose'
import type { Plan } from '../../lib/commission'
import { StepPanel } from './Steps'

interface Props {
  plan: Plan
  onDriver: (driver: string) => void
  onTemplate: (template: string) => void
  foot: React.ReactNode
}

export function SourceStep({ plan, onDriver, onTemplate, foot }: Props) {
  const { drivers } = useSuspenseQuery(componentsQuery).data
  const templates = useQuery(templatesQuery)
  const [search, setSearch] = useState('')
  const wanted = search.trim().toLowerCase()
  const matches = (text: string) => wanted === '' || text.toLowerCase().includes(wanted)
  const used = templates.data?.used ?? []
  const library = (templates.data?.library ?? []).filter((each) => !used.some((one) => one.name === each.name))
  const shownDrivers = drivers.filter((spec) => matches(`${spec.name} ${spec.summary}`))
  const shownTemplates = [
    ...used.map((each) => ({ name: each.name, text: `${each.driver}. In this configuration, used by ${plural(each.devices.length, 'device')}.` })),
    ...library.map((each) => ({ name: each.name, text: `${each.summary}. ${each.driver}, ${plural(each.tags, 'tag')}. From the library.` })),
  ].filter((each) => matches(`${each.name} ${each.text}`))
  return (
    <StepPanel title="What is it?" lead="Choose how the device is talked to, or a template when it is one of a kind that is known." foot={foot}>
      {drivers.length + library.length + used.length > 6 && (
        <div className="search">
          <Icon name="search" />
          <input type="search" className="input" aria-label="Search drivers and templates" placeholder="Search" value={search} onChange={(event) => setSearch(event.target.value)} />
        </div>
      )}
      <fieldset className="cards">
        <legend>By its protocol</legend>
        {shownDrivers.map((spec) => (
          <label key={spec.name} className="card">
            <input type="radio" name="source" checked={plan.source === 'driver' && plan.driver === spec.name} onChange={() => onDriver(spec.name)} />
            <strong>{spec.name}</strong>
            <span>
              <Prose text={spec.summary} />
            </span>
            {spec.abilities.length > 0 && <span className="small muted">Can: {spec.abilities.join(', ')}</span>}
          </label>
        ))}
      </fieldset>
      {shownTemplates.length > 0 && (
        <fieldset className="cards">
          <legend>By a template</legend>
          {shownTemplates.map((each) => (
            <label key={each.name} className="card">
              <input type="radio" name="source" checked={plan.source === 'template' && plan.template === each.name} onChange={() => onTemplate(each.name)} />
              <strong>{each.name}</strong>
              <span>{each.text}</span>
            </label>
          ))}
        </fieldset>
      )}
      {shownDrivers.length === 0 && shownTemplates.length === 0 && <p>Nothing matches “{search}”. Clear the search to see all.</p>}
    </StepPanel>
  )
}
