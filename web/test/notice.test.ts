import { describe, expect, test } from 'vitest'
import { notice, SLOW_SAVE, saveLabel } from '../src/editor/notice'

const clean = { unsaved: 0, sending: true, since: null }
const dirty = { unsaved: 2, sending: true, since: 1000 }
const kept = { unsaved: 2, sending: false, since: 1000 }

describe('the save label', () => {
  test.each([
    ['connecting', clean, 'waiting', 'Connecting…'],
    ['live', clean, 'saved', 'Saved'],
    ['live', dirty, 'saving', 'Saving…'],
    ['reconnecting', clean, 'waiting', 'Reconnecting…'],
    ['reconnecting', kept, 'unsaved', '2 edits not saved'],
    ['reconnecting', dirty, 'saving', 'Saving…'],
    ['offline', clean, 'waiting', 'Not connected'],
    ['offline', kept, 'unsaved', '2 edits not saved'],
    ['watching', clean, 'waiting', 'Read only'],
    ['watching', kept, 'unsaved', '2 edits not saved'],
    ['refused', { ...kept, unsaved: 1 }, 'unsaved', '1 edit not saved'],
  ] as const)('%s with %j is %s: %s', (mode, save, kind, text) => {
    expect(saveLabel(mode, save, 2000)).toMatchObject({ kind, text })
  })

  test('says when saving takes long', () => {
    expect(saveLabel('live', dirty, 1000 + SLOW_SAVE).text).toBe('Saving…')
    expect(saveLabel('live', dirty, 1001 + SLOW_SAVE).text).toBe('Still saving…')
  })

  test('never says saved while anything is not', () => {
    for (const mode of ['connecting', 'live', 'reconnecting', 'offline', 'watching', 'refused'] as const) {
      for (const save of [dirty, kept]) expect(saveLabel(mode, save, 2000).kind).not.toBe('saved')
    }
  })
})

describe('the banner', () => {
  test('is silent while all is well or may be in a moment', () => {
    for (const mode of ['connecting', 'live', 'reconnecting'] as const) {
      expect(notice(mode, clean, null, true)).toBeNull()
    }
  })

  test('says that editing comes back, and what waits', () => {
    expect(notice('watching', clean, null, false)?.detail).toMatch(/WebSocket.*blocked.*by itself/)
    expect(notice('watching', kept, null, true)?.detail).toMatch(/2 edits of yours wait/)
    expect(notice('watching', kept, null, true)?.copy).toBe(true)
    expect(notice('offline', kept, null, true)?.detail).toMatch(/keep it open/)
  })

  test.each([
    [1012, /restarting/],
    [4500, /disk/],
    [4507, /disk is full/],
    [4529, /slow down/],
  ])('explains close %d', (code, words) => {
    expect(notice('offline', clean, { code, reason: '' }, true)?.detail).toMatch(words)
  })

  test('offers no text to copy before there is any', () => {
    for (const code of [4403, 4409, 4413, 4499]) {
      expect(notice('refused', clean, { code, reason: '' }, false)?.copy).toBe(false)
    }
  })

  test.each([
    [4400, 'reload'],
    [4401, 'retry'],
    [4403, 'retry'],
    [4404, 'retry'],
    [4409, 'reload'],
    [4413, 'reload'],
    [4499, 'reload'],
  ])('offers a way out of close %d', (code, kind) => {
    const said = notice('refused', kept, { code, reason: 'because' }, true)
    expect(said?.action?.kind).toBe(kind)
    expect(said?.detail).toContain('because')
    expect(said?.copy).toBe(true)
  })
})
