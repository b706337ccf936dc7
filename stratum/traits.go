package stratum

import (
	"fmt"

	"gominer/miner"
)

// trait is something that a connection found out about its pool: a dialect that
// it speaks, or what it can do beyond the least. QUIRKS.md has a row for each.
type trait int

const (
	traitMinimumDifficulty trait = iota // mining.configure granted it
	traitInfo                           // likewise
	traitSubscribeExtranonce
	traitExtranonceSubscribe
	traitNewExtranonce
	traitPing
	traitPingRefused
	traitPingIgnored
	traitSuggested
	traitNoAgent
	traitNoSession
	traitNoSessionID
	traitFlat
	traitTextIDs
	traitObjectErrors
	traitTextErrors
	traitRejectReason
	traitNoReason
	traitOddAnswers
	traitQuotedDifficulty
	traitDifficultyNow
	traitVersionChange
	traitEarlySubscribe
	traitEarlyAuthorize
	traitNudged
	traitNotClean
	traitInvalidJobs
	traitOddCoinbase
	traitNoTransactions
	traitAudited
	traitAuditFailed
	traits // how many there are
)

// texts are the traits as people and scripts see them.
var traitTexts = [traits]string{
	traitMinimumDifficulty:   "minimum-difficulty",
	traitInfo:                "info",
	traitSubscribeExtranonce: "subscribe-extranonce",
	traitExtranonceSubscribe: "extranonce.subscribe",
	traitNewExtranonce:       "changes the extranonce",
	traitPing:                "ping",
	traitPingRefused:         "ping refused",
	traitPingIgnored:         "ping ignored",
	traitSuggested:           "suggested difficulty taken",
	traitNoAgent:             "subscribe without agent",
	traitNoSession:           "subscribe without session",
	traitNoSessionID:         "no session id",
	traitFlat:                "flat subscriptions",
	traitTextIDs:             "ids as text",
	traitObjectErrors:        "errors as objects",
	traitTextErrors:          "errors as text",
	traitRejectReason:        "reject-reason",
	traitNoReason:            "refuses without a reason",
	traitOddAnswers:          "odd answers",
	traitQuotedDifficulty:    "difficulty as text",
	traitDifficultyNow:       "difficulty at once",
	traitVersionChange:       "version bits as a change",
	traitEarlySubscribe:      "work before the subscribe answer",
	traitEarlyAuthorize:      "work before the authorize answer",
	traitNudged:              "first job after another line",
	traitNotClean:            "new blocks without clean jobs",
	traitInvalidJobs:         "invalid jobs",
	traitOddCoinbase:         "coinbase that is no transaction",
	traitNoTransactions:      "transactions not shown",
	traitAudited:             "jobs audited",
	traitAuditFailed:         "job audit failed",
}

// saw notes a trait, and tells of it if it is a new one.
func (c *conn) saw(t trait) {
	if !c.seen[t] {
		c.seen[t] = true
		c.status()
	}
}

// status tells how the session stands, from the first job on.
func (c *conn) status() {
	if !c.up {
		return
	}
	var found []string
	switch {
	case c.mask != 0:
		found = append(found, fmt.Sprintf("version-rolling %08x", c.mask))
	case c.rolling:
		found = append(found, "version-rolling ended")
	}
	switch c.configured {
	case configureRefused, configureNever, configureTry:
		found = append(found, "no configure")
	case configureSent:
		found = append(found, "configure not answered")
	}
	if n := c.workers.authorized(); len(c.workers) > 1 {
		found = append(found, fmt.Sprintf("workers %d of %d", n, len(c.workers)))
	}
	for t, seen := range c.seen {
		if seen {
			found = append(found, traitTexts[t])
		}
	}
	if c.resumed {
		found = append(found, "resumed")
	}
	c.ms.Status(miner.SourceStatus{
		State: miner.Up, URL: c.at.url(), Protocol: c.at.speaks(), Encryption: c.encryption, User: c.cfg.User, Traits: found,
	})
}
