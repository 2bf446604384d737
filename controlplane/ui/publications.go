package ui

import (
	"net/http"

	"weir/controlplane/api"
)

const listedPublications = 100

func (u *UI) publications(v *visit) error {
	all, err := u.publicationsNow(v)
	if err != nil {
		return err
	}
	return u.show(v, "publications", frame{Title: "Publications", Section: "publications", Events: "/events" + v.r.URL.RequestURI(), Page: all})
}

func (u *UI) publicationsEvents(v *visit, s *stream) error {
	return u.listed(v, s, "publications", func(v *visit) (any, error) { return u.publicationsNow(v) })
}

func (u *UI) publicationsNow(v *visit) ([]api.Publication, error) {
	a, err := u.o.Reads.Publications(v.r.Context(), api.HistoryRequest{Catalog: v.r.URL.Query().Get("catalog"), Limit: listedPublications})
	return a.Publications, err
}

func (u *UI) publication(v *visit) error {
	p, err := u.o.Reads.Publication(v.r.Context(), api.PublicationRequest{ID: v.r.PathValue("id")})
	if err != nil {
		return err
	}
	return u.show(v, "publication", frame{Title: "Publication " + p.ID, Section: "publications", Page: p})
}

// planRevert shows what a revert would do; the page's button does it.
func (u *UI) planRevert(v *visit) error {
	plan, err := u.o.Reads.PlanRevert(v.r.Context(), api.PublicationRequest{ID: v.r.PathValue("id")})
	if err != nil {
		return err
	}
	return u.show(v, "revert", frame{Title: "Revert to " + plan.Publication, Section: "publications", Page: plan})
}

// revert does what was shown: another publication since then refuses it.
func (u *UI) revert(v *visit) error {
	done, err := u.o.Acts.Revert(v.r.Context(), api.RevertRequest{ID: v.r.PathValue("id"), Newest: v.r.PostFormValue("newest"), By: byPages, Message: v.r.PostFormValue("message")})
	if err != nil {
		return err
	}
	if done.ID == "" {
		http.Redirect(v.w, v.r, "/publications", http.StatusSeeOther)
		return nil
	}
	v.redirect(entityPath("publications", done.ID))
	return nil
}
