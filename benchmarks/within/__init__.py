"""What is loaded within the Home Assistant that is measured: this folder is on its Python path."""
