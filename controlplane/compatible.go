package controlplane

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"weir/catalog"
	"weir/fault"
)

// incompatible lists the changes of a collection that its stored documents
// forbid.
func incompatible(old, now *catalog.Collection) catalog.Errors {
	if old == nil || now == nil {
		return nil
	}
	at := faultAt(fault.CannotChange, now.Origin, "collections", now.Name, errors.New(""))
	var faults catalog.Errors
	add := func(path, message string) {
		f := at
		f.Path += path
		f.Message = message
		f.Hint = "publish a new collection under another name, with a derivation `using: {copy: {}}` that reads this one"
		faults = append(faults, f)
	}
	if !slices.Equal(old.Key, now.Key) {
		add("/key", fmt.Sprintf("the key of a published collection cannot change: it is [%s], its documents are stored under it", strings.Join(old.Key, ", ")))
	} else {
		for i, was := range changedDefaults(old, now) {
			add("/key/"+strconv.Itoa(i), fmt.Sprintf("the default of %s in a published collection cannot change: documents without it are stored under %s", now.Key[i], was))
		}
	}
	if old.Partitions != now.Partitions {
		add("/partitions", fmt.Sprintf("the number of partitions of a published collection cannot change: it is %d", old.Partitions))
	}
	if was, is := logicalPartitions(old), logicalPartitions(now); was != is {
		add("/projections", fmt.Sprintf("the logical partitions of a published collection cannot change: they are %s, its documents are stored under them", was))
	}
	return faults
}

// redirected refuses another target of a capture: its connector's state stands
// in the markers of the collection that it wrote.
func redirected(old, now *catalog.Capture) catalog.Errors {
	if old == nil || now == nil {
		return nil
	}
	was := targets(old)
	for i, b := range now.Bindings {
		if len(was) == 0 || slices.Contains(was, b.Target) {
			continue
		}
		f := faultAt(fault.CannotChange, now.Origin, "captures", now.Name, fmt.Errorf("the target of a published capture cannot change: it is %s, where the capture's progress is kept", strings.Join(was, ", ")))
		f.Path += fmt.Sprintf("/bindings/%d/target", i)
		f.Hint = "publish the capture under another name: it then starts from the beginning"
		return catalog.Errors{f}
	}
	return nil
}

func targets(c *catalog.Capture) []string {
	var names []string
	for _, b := range c.Bindings {
		names = append(names, b.Target)
	}
	return names
}

// logicalPartitions spells the logical partition fields of a collection with
// their locations.
func logicalPartitions(c *catalog.Collection) string {
	fields := c.PartitionFields()
	for i, name := range fields {
		fields[i] += " at " + c.Projections[name].Location
	}
	if len(fields) == 0 {
		return "none"
	}
	return strings.Join(fields, ", ")
}
