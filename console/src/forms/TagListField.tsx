/** Names of tags or patterns of them, each a field of its own. */
import { useId } from 'react'

import type { Problems } from '../lib/formKeys'
import { Button } from '../ui/Button'
import { Prose } from '../ui/Prose'
import { TagField } from './TagField'

interface Props {
  title: string
  hint: string
  tags: string[]
  /** there may be none */
  optional?: boolean
  problems: Problems
  warnings: Problems
  onChange: (tags: string[]) => void
}

export function TagListField({ title, hint, tags, optional = false, problems, warnings, onChange }: Props) {
  const id = useId()
  const many = tags.length > 1
  return (
    <div className="form" role="group" aria-labelledby={id}>
      <div>
        <h3 id={id}>{title}</h3>
        <p className="small muted">
          <Prose text={hint} />
        </p>
      </div>
      {tags.map((tag, index) => (
        // The place in the list is all the identity an item has.
        // oxlint-disable-next-line react/no-array-index-key
        <div className="list-item" key={index}>
          <TagField
            label={many ? `Tag ${index + 1}` : 'Tag'}
            value={tag}
            problem={problems.get(`tags.${index}`)}
            warning={warnings.get(`tags.${index}`)}
            onChange={(next) => onChange(tags.map((each, at) => (at === index ? next : each)))}
          />
          {(many || optional) && (
            <Button icon="close" kind="quiet" onClick={() => onChange(tags.filter((_, at) => at !== index))}>
              Remove<span className="visually-hidden"> tag {index + 1}</span>
            </Button>
          )}
        </div>
      ))}
      <div>
        <Button icon="plus" onClick={() => onChange([...tags, ''])}>
          {tags.length === 0 ? 'Add a tag' : 'Add another tag'}
        </Button>
      </div>
    </div>
  )
}
