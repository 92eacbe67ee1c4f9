"""The Label Studio server: articles out, annotations in, and the order in which articles are labelled."""
