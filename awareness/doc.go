// Package awareness keeps who is present in a document and what each of them shows: cursor, name, colour, typing. It is
// y-protocols' awareness protocol, state for state and clock for clock.
//
// # The idea
//
// Every client writes one state, a JSON object, under its own client id, and counts its writes in a clock. A higher
// clock wins; a null state says that the client has left. Whoever sees a client fall silent may say null for it without
// raising the clock: at an equal clock null wins over a state, so such a farewell never overrules what the client
// itself says later. Nothing here is kept on disk and nothing is merged.
//
// An update is a list of entries:
//
//	varUint count, count × (varUint client, varUint clock, varString state), state = JSON object or null
//
// What an entry does to what is known:
//
//	client unknown        its clock counts as 0, so a state at clock 0 is ignored; a higher one is taken
//	entry's clock higher  taken
//	clocks equal          taken only if the entry is null and the client has a state
//	entry's clock lower   ignored
//
// A client that leaves keeps its clock, because the clock is what tells an old message from its return.
//
// # How a server uses it
//
// One [States] for each open document, owned by the goroutine that owns the room: the package has no locks, no
// goroutines and no clock of its own; each call that needs the time is given it.
//
//   - A frame arrives: [Decode] checks it and lists its entries; the server drops the entries whose ids belong to
//     somebody else and gives the rest to [States.Apply]. [Change.Touched] says what to send to the others,
//     [Change.Stale] what to send back.
//   - A client comes back with the clock that it left with. Its state is ignored, as y-protocols ignores it, and its id
//     is listed in [Change.Stale]. Sent the removal that stands against it, a client raises its clock and announces
//     itself again at once, where it would else be invisible until it renews its state, up to 15 s later.
//   - A connection ends: [States.Remove] with the ids that it still holds, and [States.AppendUpdate] of what was removed
//     for the others.
//   - Every few seconds: [States.Expire], the same way.
//   - Somebody joins: [States.AppendAll].
//
// A program that takes part itself, and not only passes on, uses [States.Set] and [States.Renew].
//
// # What is refused
//
// An update is applied whole or not at all. Malformed input, a state that is no JSON object, limits of one update and of
// the document: see [Options] and [Error].
//
// # Where this differs from y-protocols 1.0.7
//
//   - A state is an object or null. y-protocols takes any JSON value; no provider sends another.
//   - Bytes behind the last entry, integers longer than needed and clocks beyond the limits are refused.
//   - A state is kept and sent on as the bytes that came, where y-protocols parses it and writes it again. What
//     JSON.stringify has written is the same either way.
//   - Clocks of those who left are forgotten after [Options.ForgetAfter], where y-protocols keeps them for ever.
//   - Encoding an id that nobody knows skips it, where y-protocols throws.
//   - Keys named __proto__ or constructor are keys like others when two states are compared.
//
// Source: y-protocols 1.0.7, awareness.js.
package awareness
