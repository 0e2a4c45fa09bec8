"""Linear mixed models by restricted maximum likelihood, with Satterthwaite and Kenward-Roger inference."""
